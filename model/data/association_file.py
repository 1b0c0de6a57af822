"""The file of known associations in a user's folder: a list of pairs, or a matrix of 0 and 1.

Shape legend: M miRNAs, S small molecules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from model.data.file_checks import check_associations
from model.data.names import mend_of_name, spelling
from model.data.readers import Table, labelled_matrix, number, place
from model.errors import InputError, Problems

PAIR_HEADER = ("mirna", "small_molecule")
_KINDS = {"mirna": "miRNA", "small_molecule": "small molecule"}


class Sides:
    """The names of both sides, and where each stands.

    Args:
        mirnas: in the order of the rows of the associations.
        small_molecules: in the order of their columns.
    """

    def __init__(self, mirnas: Sequence[str], small_molecules: Sequence[str]) -> None:
        self.names = {"mirna": mirnas, "small_molecule": small_molecules}
        self.positions = {
            key: {name: position for position, name in enumerate(names)}
            for key, names in self.names.items()
        }

    @property
    def shape(self) -> tuple[int, int]:
        """(M, S)."""
        return len(self.names["mirna"]), len(self.names["small_molecule"])

    def position(self, name: str, key: str, where: str, problems: Problems) -> int:
        """Where the name stands on its side; 0, and a problem, if it is not there."""
        found = self.positions[key].get(name)
        if found is None:
            other = "mirna" if key == "small_molecule" else "small_molecule"
            kind = _KINDS[key]
            hint = ""
            if not problems.are_many:
                hint = mend_of_name(name, kind, self.names[key], self.positions[other])
            problems.add(f"unknown {kind} {name!r}", where=where, hint=hint)
        return found or 0

    def are_a_pair(self, cells: Sequence[str]) -> bool:
        """Whether a miRNA and a small molecule are among the cells."""
        names = {cell.strip() for cell in cells}
        return all(names & positions.keys() for positions in self.positions.values())


def associations_of(table: Table, sides: Sides) -> np.ndarray:
    """(M, S) 0/1 of either form.

    Raises:
        InputError: names are unknown or missing, a pair stands twice, there is no association, or
            it is neither of the two forms; it names rows and columns.
    """
    header = [_canonical(cell) for cell in table.rows[0]]
    if set(PAIR_HEADER) <= set(header):
        return _from_pairs(table, header, sides)
    if len(header) <= 3 and sides.are_a_pair(table.rows[0]):
        raise InputError(
            f"the first row, {table.delimiter.join(table.rows[0])!r}, is a pair of the data: the"
            " header is missing",
            where=place(table.path, row=table.lines[0]),
            hint="put the line `mirna,small_molecule` before it, or `small_molecule,mirna` where"
            " the small molecule comes first",
        )
    # Two columns under a misspelt header are far more often pairs than a matrix with one column.
    if len(header) == 2 and table.rows[0][1].strip() not in sides.positions["small_molecule"]:
        return _from_pairs(table, header, sides)
    if _holds_no_number(table):
        raise InputError(
            f"no cell is a number, and the header {table.delimiter.join(table.rows[0])!r} is none"
            " of a list of pairs",
            where=place(table.path, row=table.lines[0]),
            hint="a list of pairs has the header `mirna,small_molecule` and no other column; a"
            " matrix holds 0 and 1",
        )
    return _from_matrix(table, sides)


def _canonical(cell: str) -> str:
    """A cell of the header of a list of pairs, without its case and its separators."""
    name = spelling(cell).replace("-", "_")
    return {"smallmolecule": "small_molecule", "sm": "small_molecule"}.get(name, name)


def _holds_no_number(table: Table) -> bool:
    return len(table.rows) > 1 and not any(
        number(cell, table.delimiter) is not None for row in table.rows[1:] for cell in row[1:]
    )


def _from_pairs(table: Table, header: list[str], sides: Sides) -> np.ndarray:
    """(M, S) 0/1 of a list of pairs; a pair that stands twice is an error."""
    problems = Problems()
    for column, name in enumerate(header):
        if name not in PAIR_HEADER or name in header[:column]:
            problems.add(
                f"{table.rows[0][column]!r} heads a column in a list of pairs",
                where=place(table.path, row=table.lines[0], column=column + 1),
                hint="a list of pairs has the columns `mirna` and `small_molecule` and no other",
            )
    problems.raise_any()
    first_line: dict[tuple[str, ...], int] = {}
    associations = np.zeros(sides.shape, dtype=np.uint8)
    for row, line in zip(table.rows[1:], table.lines[1:], strict=True):
        named = {key: cell.strip() for key, cell in zip(header, row, strict=True)}
        index = {
            key: sides.position(
                named[key], key, place(table.path, row=line, column=column + 1), problems
            )
            for column, key in enumerate(header)
        }
        pair = tuple(named[key] for key in PAIR_HEADER)
        if pair in first_line:
            problems.add(
                f"the pair {pair[0]!r}, {pair[1]!r} is already in row {first_line[pair]}",
                where=place(table.path, row=line),
                hint="give every pair once",
            )
        first_line.setdefault(pair, line)
        associations[index["mirna"], index["small_molecule"]] = 1
    problems.raise_any()
    if not first_line:
        raise InputError(
            "there is no association: no pair follows the header",
            where=str(table.path),
            hint="give at least one known pair",
        )
    return associations


def _from_matrix(table: Table, sides: Sides) -> np.ndarray:
    """(M, S) 0/1 of a matrix that holds every name of the similarities, in any order."""
    row_names, column_names, matrix = labelled_matrix(
        table, row_kind="miRNA", column_kind="small molecule"
    )
    header_line = table.lines[0]
    problems = Problems()
    rows = [
        sides.position(name, "mirna", matrix.where(i, -1), problems)
        for i, name in enumerate(row_names)
    ]
    columns = [
        sides.position(
            name,
            "small_molecule",
            place(table.path, row=header_line, column=i + 2),
            problems,
        )
        for i, name in enumerate(column_names)
    ]
    problems.raise_any()
    for key, present, where in (
        ("mirna", row_names, place(table.path, column=1)),
        ("small_molecule", column_names, place(table.path, row=header_line)),
    ):
        _check_whole(key, sides.positions[key], present, where, problems)
    with problems.gathered():
        check_associations(matrix)
    problems.raise_any()
    associations = np.zeros(matrix.values.shape, dtype=np.uint8)
    associations[np.ix_(rows, columns)] = matrix.values
    return associations


def _check_whole(
    key: str, names: Mapping[str, int], present: list[str], where: str, problems: Problems
) -> None:
    there = set(present)
    absent = [name for name in names if name not in there]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:3])
        more = f" and {len(absent) - 3} more are" if len(absent) > 3 else " is"
        if 1 < len(absent) <= 3:
            more = " are"
        problems.add(
            f"{len(present)} {_KINDS[key]}s, but the similarity has {len(names)}: {shown}{more}"
            " not here",
            where=where,
            hint="give every name of the similarities; a row or column of 0 is fine",
        )
