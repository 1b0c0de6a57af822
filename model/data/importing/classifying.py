"""What a grid of cells is, as far as it can be seen without the others: a matrix, pairs or names.

Shape legend: R rows and C columns of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.data.importing.candidates import (
    Candidate,
    Grid,
    Matrix,
    NameList,
    Origin,
    Pairs,
    Unclear,
)
from model.data.importing.words import is_header_word, is_weight, kind_of
from model.data.readers import number
from model.errors import InputError

_MISSING = {"", "na", "nan", "n/a", "#n/a", "null", "none"}


def classify(
    grid: Grid, own_kinds: Sequence[str] = (), columns: Sequence[str] | None = None
) -> Candidate:
    """What the cells are; `Unclear` where two readings are as good.

    Args:
        own_kinds: words for kinds that the user gave.
        columns: of a list of pairs, by header or by number from 1: the two ends, and their weight
            if there is a third. The grid is then a list of pairs.

    Raises:
        InputError: there are no such columns.
    """
    cells = _Cells.of(grid, own_kinds)
    if columns is not None:
        return _pairs(cells, *_chosen(cells, columns))
    if cells.width == 1:
        return _single_column(cells)
    ends = cells.kind_columns()
    if len(ends) == 2:
        return _pairs(cells, ends, cells.weight_column(ends))
    words = cells.word_columns()
    if not words and not cells.has_corner:
        return _of_numbers(cells)
    if (words in ([0], []) and cells.width >= 3) or (cells.has_corner and words in ([0], [])):
        return _matrix(cells)
    if names := _names(cells, words):
        return names
    if len(ends) > 2 or len(words) > 2:
        return Unclear(
            grid.origin,
            f"has {max(len(ends), len(words))} columns that could be an end of a pair",
            f"say which: --columns {','.join(cells.title(i) for i in (words or ends)[:2])}",
            _distinct_names(cells, words),
        )
    if cells.width == 2 or len(words) == 2:
        ends = [0, 1] if cells.width == 2 else words
        return _pairs(cells, ends, cells.weight_column(ends))
    return Unclear(
        grid.origin,
        f"{len(cells.body)} x {cells.width} cells are neither a matrix, pairs nor names by their"
        " looks",
        "say which columns are the ends of a pair: --columns 1,2",
    )


def classify_numbers(
    origin: Origin, values: np.ndarray, lines: Sequence[int] = (), first_column: int = 1
) -> Candidate:
    """Pairs where two or three columns hold places in lists, else a matrix without names.

    Args:
        values: (R, C), NaN where there is none.
    """
    ends = values[:, :2]
    if (
        values.shape[1] in (2, 3)
        and bool((np.isfinite(ends) & (ends >= 0) & (ends % 1 == 0)).all())
        and bool((ends > 1).any())
    ):
        texts = ([str(int(x)) for x in ends[:, 0]], [str(int(x)) for x in ends[:, 1]])
        weights = values[:, 2] if values.shape[1] == 3 else None
        return Pairs(origin, texts, lines or [*range(1, len(values) + 1)], weights)
    return Matrix(origin, values, lines=lines, first_column=first_column)


@dataclass(frozen=True)
class _Cells:
    """A grid, its header apart, and which of its cells are numbers.

    Args:
        header: the first row, or None if that is none.
        values: (R, C) of the body; NaN for what is missing or no number.
        is_word: (R, C) of the body, what is neither number nor missing.
    """

    grid: Grid
    own_kinds: Sequence[str]
    header: list[str] | None
    body: list[list[str]]
    lines: list[int]
    values: np.ndarray
    is_word: np.ndarray

    @classmethod
    def of(cls, grid: Grid, own_kinds: Sequence[str]) -> _Cells:
        values, is_word = _numbers(grid.rows, grid.delimiter)
        first = int(_has_header(grid.rows, is_word, own_kinds))
        return cls(
            grid,
            own_kinds,
            grid.rows[0] if first else None,
            grid.rows[first:],
            grid.lines[first:],
            values[first:],
            is_word[first:],
        )

    @property
    def width(self) -> int:
        return int(self.values.shape[1])

    @property
    def has_corner(self) -> bool:
        """The first row begins with an empty cell, as it does above a column of names."""
        return self.header is not None and not self.header[0] and self.width > 2

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.body]

    def title(self, index: int) -> str:
        return (self.header[index] if self.header else "") or str(index + 1)

    def word_columns(self) -> list[int]:
        """Columns of which most cells are words."""
        there = np.array([[bool(cell) for cell in row] for row in self.body])
        share = self.is_word.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        return [int(column) for column in np.flatnonzero(share > 0.5)]

    def kind_columns(self) -> list[int]:
        """Columns whose header names a kind, if they name two different ones."""
        kinds = [kind_of(cell, self.own_kinds) for cell in self.header or ()]
        found = [column for column, kind in enumerate(kinds) if kind]
        return found if len({kinds[column] for column in found}) == 2 else []

    def weight_column(self, ends: Sequence[int]) -> int | None:
        """The column of numbers that weighs pairs: by its header, or the only one there is."""
        rest = [i for i in range(self.width) if i not in ends and i not in self.word_columns()]
        if self.header is not None:
            rest = [i for i in rest if is_weight(self.header[i])]
        return rest[0] if len(rest) == 1 else None

    def first_number(self, column: int) -> int | None:
        """0 or 1 where the column numbers the rows from there, each once; None where not."""
        if not np.isfinite(self.values[:, column]).all():
            return None
        ordered = np.sort(self.values[:, column])
        for first in (0, 1):
            if np.array_equal(ordered, np.arange(first, first + len(ordered))):
                return first
        return None


def _numbers(rows: list[list[str]], delimiter: str) -> tuple[np.ndarray, np.ndarray]:
    values = np.full((len(rows), len(rows[0])), np.nan)
    is_word = np.zeros(values.shape, dtype=bool)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            value = number(cell, delimiter) if cell else None
            if value is not None:
                values[i, j] = value
            elif cell.casefold() not in _MISSING:
                is_word[i, j] = True
    return values, is_word


def _has_header(rows: list[list[str]], is_word: np.ndarray, own_kinds: Sequence[str]) -> bool:
    if len(rows) < 2:
        return False
    first, body = rows[0], is_word[1:]
    if not first[0] and any(first) and not is_word[1:, 1:].any():
        return True  # an empty corner, above names and before names
    if not first[0] and is_word[0, 1:].all():
        return True
    above_numbers = is_word[0] & (body.mean(axis=0) < 0.5)
    if above_numbers.any():
        return True
    for column, cell in enumerate(first):
        if is_header_word(cell, own_kinds) and all(cell != row[column] for row in rows[1:]):
            return True
    return False


def _single_column(cells: _Cells) -> Candidate:
    header = cells.header[0] if cells.header else None
    return NameList(cells.grid.origin, tuple(cells.column(0)), cells.lines, header=header)


def _of_numbers(cells: _Cells) -> Candidate:
    grid = cells.grid
    found = classify_numbers(grid.origin, cells.values, cells.lines, grid.first_column)
    if cells.header is None:
        return found
    if isinstance(found, Pairs):
        return _pairs(cells, [0, 1], 2 if cells.width == 3 else None)
    return Matrix(
        grid.origin,
        cells.values,
        column_names=_unless_counted(tuple(cells.header)),
        lines=cells.lines,
        first_column=grid.first_column,
    )


def _matrix(cells: _Cells) -> Candidate:
    """A matrix with a column of names; a cell that is a word in it is not a number."""
    if not cells.body:
        return Unclear(cells.grid.origin, "holds names and no numbers")
    origin, first = cells.grid.origin, cells.grid.first_column
    for i, j in np.argwhere(cells.is_word[:, 1:])[:1].tolist():
        raise InputError(
            f"{cells.body[i][j + 1]!r} is no number, in a matrix of"
            f" {len(cells.body)} x {cells.width - 1}",
            where=origin.at(row=cells.lines[i], column=j + 1 + first),
            hint="an empty cell or NA is missing, anything else has to be a number",
        )
    header = None if cells.header is None else tuple(cells.header[1:])
    return Matrix(
        origin,
        cells.values[:, 1:],
        row_names=_unless_counted(tuple(cells.column(0))),
        column_names=_unless_counted(header),
        lines=cells.lines,
        first_column=first + 1,
    )


def _unless_counted(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """None for 0, 1, 2, ... and 1, 2, 3, ...: programs write them where there are no names."""
    if names is None:
        return None
    places = range(len(names))
    is_counted = names in (tuple(map(str, places)), tuple(str(i + 1) for i in places))
    return None if is_counted else names


def _names(cells: _Cells, words: list[int]) -> NameList | None:
    """Names with their numbers, in either order; None if it is more likely a list of pairs."""
    numbered = [i for i in range(cells.width) if cells.first_number(i) is not None]
    if not words or len(words) == cells.width:
        return None
    column = words[0]
    names = cells.column(column)
    is_list = len(words) == 1 and cells.width == 2
    if numbered and (is_list or len(set(names)) == len(names)):
        order = np.argsort(cells.values[:, numbered[0]], kind="stable")
    elif is_list and len(set(names)) == len(names):
        order = np.arange(len(names))
    else:
        return None
    other = [i for i in range(cells.width) if i != column and i not in numbered[:1]]
    numbers = tuple(row[other[0]] for row in cells.body) if is_list and other else ()
    is_key = len(set(numbers)) == len(names) and all(cell.isdecimal() for cell in numbers)
    return NameList(
        cells.grid.origin,
        tuple(names[i] for i in order),
        [cells.lines[i] for i in order],
        cells.first_number(numbered[0]) if numbered else None,
        numbers if is_key else None,
        cells.header[column] if cells.header else None,
        tuple(cells.title(i) for i in other),
    )


def _distinct_names(cells: _Cells, words: list[int]) -> NameList | None:
    names = tuple(cells.column(words[0])) if words else ()
    is_list = bool(names) and len(set(names)) == len(names)
    return NameList(cells.grid.origin, names, cells.lines) if is_list else None


def _pairs(cells: _Cells, ends: Sequence[int], weight: int | None) -> Pairs:
    first, second = (cells.column(end) for end in ends)
    ignored = [i for i in range(cells.width) if i not in (*ends, weight)]
    alternative = None
    if cells.grid.by_spaces and cells.header is None and not ignored and weight is None:
        joined = tuple(" ".join(row) for row in cells.body)
        alternative = NameList(cells.grid.origin, joined, cells.lines)
    return Pairs(
        cells.grid.origin,
        (first, second),
        cells.lines,
        None if weight is None else cells.values[:, weight],
        None if cells.header is None else (cells.header[ends[0]], cells.header[ends[1]]),
        tuple(cells.title(i) for i in ignored),
        alternative,
    )


def _chosen(cells: _Cells, columns: Sequence[str]) -> tuple[list[int], int | None]:
    """Indices of the two ends, and of the weight or None."""
    titles = [cell.casefold() for cell in cells.header or ()]
    found = []
    for column in columns:
        if column.casefold() in titles:
            found.append(titles.index(column.casefold()))
        elif column.isdecimal() and 1 <= int(column) <= cells.width:
            found.append(int(column) - 1)
        else:
            shown = ", ".join(map(repr, cells.header)) if cells.header else "without a header"
            raise InputError(
                f"there is no column {column!r}",
                where=cells.grid.origin.at(),
                hint=f"its {cells.width} columns are {shown}; --columns takes two or three",
            )
    return found[:2], found[2] if len(found) == 3 else None
