"""The file of known associations in a user's folder: a list of pairs, or a matrix of 0 and 1.

Shape legend: M rows, S columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from model.data.file_checks import check_associations
from model.data.kinds import Kind, Kinds
from model.data.names import mend_of_name
from model.data.readers import Table, labelled_matrix, number, place
from model.errors import DataWarning, InputError, Problems


class Sides:
    """The names of both sides, and where each stands.

    Args:
        names: those of the rows and of the columns of the associations, in their order.
    """

    def __init__(self, kinds: Kinds, names: tuple[Sequence[str], Sequence[str]]) -> None:
        self.kinds = kinds
        self.names = names
        self.positions = tuple(
            {name: position for position, name in enumerate(side)} for side in names
        )

    @property
    def header(self) -> str:
        """The first line of a list of pairs."""
        return ",".join(kind.key for kind in self.kinds)

    @property
    def shape(self) -> tuple[int, int]:
        """(M, S)."""
        return len(self.names[0]), len(self.names[1])

    def position(self, name: str, side: int, where: str, problems: Problems) -> int:
        """Where the name stands on its side; 0, and a problem, if it is not there."""
        found = self.positions[side].get(name)
        if found is None:
            hint = "" if problems.are_many else mend_of_name(name, self.kinds, self.names, side)
            problems.add(f"unknown {self.kinds[side].name} {name!r}", where=where, hint=hint)
        return found or 0

    def are_a_pair(self, cells: Sequence[str]) -> bool:
        """Whether a name of each side is among the cells."""
        names = {cell.strip() for cell in cells}
        return all(names & positions.keys() for positions in self.positions)


def columns_of(kinds: Kinds, header: Sequence[str]) -> tuple[int | None, int | None]:
    """Which column of a list of pairs holds each kind; None where none is headed so."""
    first, second = (_column_of(kind, header) for kind in kinds)
    return first, second


def names_of(table: Table, kinds: Kinds, side: int) -> list[str]:
    """The names of a side that nothing else names, in the order in which they first appear."""
    column = columns_of(kinds, table.rows[0])[side]
    if None not in columns_of(kinds, table.rows[0]):
        cells = [row[column or 0] for row in table.rows[1:]]
    else:
        cells = [row[0] for row in table.rows[1:]] if side == 0 else table.rows[0][1:]
    names = dict.fromkeys(cell.strip() for cell in cells)
    return [name for name in names if name and name.isprintable()]


def associations_of(table: Table, sides: Sides) -> np.ndarray:
    """(M, S) 0/1 of either form. A `DataWarning` tells what was passed over.

    Raises:
        InputError: names are unknown or missing, there is no association, or it is neither of the
            two forms; it names rows and columns.
    """
    header = table.rows[0]
    columns = columns_of(sides.kinds, header)
    if None not in columns:
        return _from_pairs(table, columns, sides)
    if len(header) <= 3 and sides.are_a_pair(header):
        turned = ",".join(reversed(sides.header.split(",")))
        raise InputError(
            f"the first row, {table.delimiter.join(header)!r}, is a pair of the data: the"
            " header is missing",
            where=place(table.path, row=table.lines[0]),
            hint=f"put the line `{sides.header}` before it, or `{turned}` where"
            f" the {sides.kinds[1].name} comes first",
        )
    # Two columns under a misspelt header are far more often pairs than a matrix with one column.
    if len(header) == 2 and header[1].strip() not in sides.positions[1]:
        raise _misspelt(table, columns, sides)
    if _holds_no_number(table):
        raise InputError(
            f"no cell is a number, and the header {table.delimiter.join(header)!r} is none"
            " of a list of pairs",
            where=place(table.path, row=table.lines[0]),
            hint=f"a list of pairs has the header `{sides.header}`; a matrix holds 0 and 1",
        )
    return _from_matrix(table, sides)


def _column_of(kind: Kind, header: Sequence[str]) -> int | None:
    return next((i for i, cell in enumerate(header) if kind.is_called(cell)), None)


def _misspelt(table: Table, columns: Sequence[int | None], sides: Sides) -> InputError:
    problems = Problems()
    for column, cell in enumerate(table.rows[0]):
        if column not in columns:
            problems.add(
                f"{cell!r} heads a column in a list of pairs",
                where=place(table.path, row=table.lines[0], column=column + 1),
                hint=f"a list of pairs has the header `{sides.header}`, in either order",
            )
    return problems.error()


def _holds_no_number(table: Table) -> bool:
    return len(table.rows) > 1 and not any(
        number(cell, table.delimiter) is not None for row in table.rows[1:] for cell in row[1:]
    )


def _from_pairs(table: Table, columns: Sequence[int | None], sides: Sides) -> np.ndarray:
    """(M, S) 0/1 of a list of pairs; one that stands several times counts once."""
    problems = Problems()
    associations = np.zeros(sides.shape, dtype=np.uint8)
    again = []
    for row, line in zip(table.rows[1:], table.lines[1:], strict=True):
        before = len(problems)
        i, j = (
            sides.position(
                row[column or 0].strip(),
                side,
                place(table.path, row=line, column=(column or 0) + 1),
                problems,
            )
            for side, column in enumerate(columns)
        )
        if len(problems) == before and associations[i, j]:
            again.append((row, line))
        associations[i, j] = 1
    problems.raise_any()
    if len(table.rows) == 1:
        raise InputError(
            "there is no association: no pair follows the header",
            where=str(table.path),
            hint="give at least one known pair",
        )
    _tell_of_others(table, columns)
    _tell_of_repeated(table, [column or 0 for column in columns], again)
    return associations


def _tell_of_others(table: Table, columns: Sequence[int | None]) -> None:
    others = [cell.strip() or "''" for i, cell in enumerate(table.rows[0]) if i not in columns]
    if others:
        noun = "column is" if len(others) == 1 else "columns are"
        _tell(
            f"{place(table.path, row=table.lines[0])}: {len(others)} {noun} not read:"
            f" {', '.join(others)} - every pair that is listed is a known association"
        )


def _tell_of_repeated(
    table: Table, columns: Sequence[int], again: list[tuple[list[str], int]]
) -> None:
    if again:
        row, line = again[0]
        first, second = (row[column].strip() for column in columns)
        pairs = "1 row repeats a pair" if len(again) == 1 else f"{len(again)} rows repeat a pair"
        _tell(
            f"{place(table.path, row=line)}: {pairs}, the first is {first!r}, {second!r} - each"
            " pair counts once"
        )


def _tell(line: str) -> None:
    warnings.warn(line, DataWarning, stacklevel=4)


def _from_matrix(table: Table, sides: Sides) -> np.ndarray:
    """(M, S) 0/1 of a matrix that holds every name of the similarities, in any order."""
    of_rows, of_columns = sides.kinds
    row_names, column_names, matrix = labelled_matrix(
        table, row_kind=of_rows.name, column_kind=of_columns.name
    )
    header_line = table.lines[0]
    problems = Problems()
    rows = [
        sides.position(name, 0, matrix.where(i, -1), problems) for i, name in enumerate(row_names)
    ]
    columns = [
        sides.position(name, 1, place(table.path, row=header_line, column=i + 2), problems)
        for i, name in enumerate(column_names)
    ]
    problems.raise_any()
    for side, present, where in (
        (0, row_names, place(table.path, column=1)),
        (1, column_names, place(table.path, row=header_line)),
    ):
        _check_whole(sides, side, present, where, problems)
    with problems.gathered():
        check_associations(matrix)
    problems.raise_any()
    associations = np.zeros(matrix.values.shape, dtype=np.uint8)
    associations[np.ix_(rows, columns)] = matrix.values
    return associations


def _check_whole(
    sides: Sides, side: int, present: list[str], where: str, problems: Problems
) -> None:
    there = set(present)
    absent = [name for name in sides.names[side] if name not in there]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:3])
        more = f" and {len(absent) - 3} more are" if len(absent) > 3 else " is"
        if 1 < len(absent) <= 3:
            more = " are"
        problems.add(
            f"{sides.kinds[side].counted(len(present))}, but the similarity has"
            f" {len(sides.names[side])}: {shown}{more} not here",
            where=where,
            hint="give every name of the similarities; a row or column of 0 is fine",
        )
