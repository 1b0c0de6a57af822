"""What a file, a sheet or a variable can hold: a matrix, pairs or names, before it has a role.

Shape legend: n rows and m columns of a matrix, K pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data.readers import place


@dataclass(frozen=True)
class Origin:
    """A file, and the sheet or variable of it where it has several."""

    path: Path
    part: str = ""

    def __str__(self) -> str:
        return f"{self.path.name}:{self.part}" if self.part else self.path.name

    def at(self, *, row: int | None = None, column: int | None = None) -> str:
        """For an error's ``where``; rows and columns count from 1."""
        path = Path(f"{self.path}:{self.part}") if self.part else self.path
        return place(path, row=row, column=column)


@dataclass(frozen=True)
class Grid:
    """Cells as text, as many in every row; ``lines[i]`` is where row i stands in the file.

    Args:
        delimiter: between cells; a comma means that none is a decimal mark.
        by_spaces: cells were parted at spaces, which names may hold too.
        first_column: of the cells, from 1.
    """

    origin: Origin
    rows: list[list[str]]
    lines: list[int]
    delimiter: str = "\t"
    by_spaces: bool = False
    first_column: int = 1


@dataclass(frozen=True)
class Matrix:
    """Numbers with or without names of its rows and columns; NaN where there is none.

    Args:
        values: (n, m).
        row_names, column_names: n and m names, or None.
        lines: n, where each row stands.
        first_column: of the numbers, from 1.
    """

    origin: Origin
    values: np.ndarray
    row_names: tuple[str, ...] | None = None
    column_names: tuple[str, ...] | None = None
    lines: Sequence[int] = ()
    first_column: int = 1

    @property
    def is_square(self) -> bool:
        return bool(self.values.shape[0] == self.values.shape[1])

    def where(self, row: int, column: int) -> str:
        """The place of a cell, by 0-based indices."""
        line = self.lines[row] if self.lines else row + 1
        return self.origin.at(row=line, column=column + self.first_column)


@dataclass(frozen=True)
class NameList:
    """Names of one side, in their order.

    Args:
        first_number: 0 or 1 where the names are numbered from there, None where they are not.
        numbers: distinct whole numbers beside the names that do not count through, or None.
        header: of the names, or None.
        ignored: headers or numbers of columns that were passed over.
    """

    origin: Origin
    names: tuple[str, ...]
    lines: Sequence[int]
    first_number: int | None = None
    numbers: tuple[str, ...] | None = None
    header: str | None = None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pairs:
    """Associations as a list.

    Args:
        ends: K cells of either end; numbers are text too.
        weights: K numbers beside them, or None.
        header: what the two columns are called, or None.
        ignored: headers or numbers of columns that were passed over.
        lines_as_names: the same lines as a list of names, where that could be meant.
    """

    origin: Origin
    ends: tuple[list[str], list[str]]
    lines: Sequence[int]
    weights: np.ndarray | None = None
    header: tuple[str, str] | None = None
    ignored: tuple[str, ...] = ()
    lines_as_names: NameList | None = None

    @property
    def names(self) -> NameList | None:
        """The lines, or else the first column, as a list of names, if they are distinct."""
        if self.lines_as_names is None and len(set(self.ends[0])) == len(self.lines):
            return NameList(self.origin, tuple(self.ends[0]), self.lines)
        return self.lines_as_names

    @property
    def are_numbers(self) -> bool:
        """Whether both ends are whole numbers: places in lists, or numbers that are names."""
        return all(cell.isdecimal() for end in self.ends for cell in end)


@dataclass(frozen=True)
class Unclear:
    """Cells of which it cannot be seen what they are; told only where they are needed.

    Args:
        names: its first column of words, where they are distinct.
    """

    origin: Origin
    message: str
    hint: str = ""
    names: NameList | None = None


Candidate = Matrix | NameList | Pairs | Unclear
