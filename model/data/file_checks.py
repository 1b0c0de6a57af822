"""What a matrix from a file must be; every failure is an InputError that names the cell."""

from __future__ import annotations

import numpy as np

from model.data.datasets import SYMMETRY_TOLERANCE
from model.data.readers import FileMatrix, place, within_file
from model.errors import InputError


def check_shape(matrix: FileMatrix, expected: tuple[int, int], names_from: str) -> None:
    """Raise if the matrix is not as large as the names ask; names the first row or column amiss."""
    actual = matrix.values.shape
    if actual == expected:
        return
    row = column = None
    if actual[0] != expected[0]:
        row = matrix.lines[0] + min(actual[0], expected[0])
    else:
        column = matrix.first_column + min(actual[1], expected[1])
    raise InputError(
        f"{actual[0]} x {actual[1]} values, but the names ask for {expected[0]} x {expected[1]}",
        where=place(matrix.path, row=row, column=column),
        hint=f"the names are those of {names_from}; is the file complete?",
    )


def check_symmetric(matrix: FileMatrix) -> None:
    """Raise for a matrix that is not square or not symmetric; names the first pair of cells."""
    rows, columns = matrix.values.shape
    if rows != columns:
        raise InputError(
            f"{rows} x {columns} values, but a similarity is square",
            where=place(matrix.path, row=matrix.lines[0] + min(rows, columns)),
            hint="is the file complete?",
        )
    apart = np.abs(matrix.values - matrix.values.T) > SYMMETRY_TOLERANCE
    if apart.any():
        row, column = (int(index) for index in np.argwhere(apart)[0])
        mirror = within_file(matrix.where(column, row))
        raise InputError(
            f"not symmetric: {float(matrix.values[row, column])!r} here, "
            f"but {float(matrix.values[column, row])!r} at {mirror}",
            where=matrix.where(row, column),
            hint="the similarity of A to B must be that of B to A",
        )


def check_associations(matrix: FileMatrix) -> None:
    """Raise for a value that is neither 0 nor 1, and where every value is 0."""
    amiss = ~np.isin(matrix.values, (0, 1))
    if amiss.any():
        row, column = (int(index) for index in np.argwhere(amiss)[0])
        raise InputError(
            f"{float(matrix.values[row, column])!r} is neither 0 nor 1",
            where=matrix.where(row, column),
            hint="1 is a known association, 0 an unknown pair",
        )
    if not matrix.values.any():
        raise InputError(
            "there is no association: every value is 0",
            where=str(matrix.path),
            hint="give at least one known pair",
        )
