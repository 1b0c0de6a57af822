"""What a matrix from a file must be; every failure is an InputError that names the cell."""

from __future__ import annotations

import warnings

import numpy as np

from model.data.datasets import ROUNDING, SYMMETRY_TOLERANCE
from model.data.readers import FileMatrix, place, within_file
from model.errors import DataWarning, InputError, Problems


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


def symmetric(matrix: FileMatrix, *, average: bool = False) -> np.ndarray:
    """The values of a similarity, equal in both directions.

    Differences of rounding size, up to `ROUNDING`, are averaged with a `DataWarning`; those up to
    `SYMMETRY_TOLERANCE` are left as they are.

    Args:
        average: average all differences, without a warning.

    Raises:
        InputError: the matrix is not square, or not symmetric: it counts the pairs of cells that
            differ, and shows those that differ most.
    """
    values = matrix.values
    rows, columns = values.shape
    if rows != columns:
        raise InputError(
            f"{rows} x {columns} values, but a similarity is square",
            where=place(matrix.path, row=matrix.lines[0] + min(rows, columns)),
            hint="is the file complete?",
        )
    apart = np.triu(np.abs(values - values.T))
    largest = float(apart.max())
    if largest <= SYMMETRY_TOLERANCE:
        return values
    row, column = (int(index) for index in np.unravel_index(apart.argmax(), apart.shape))
    count = int((apart > SYMMETRY_TOLERANCE).sum())
    message = (
        f"not symmetric: {float(values[row, column])!r} here, but {float(values[column, row])!r}"
        f" at {within_file(matrix.where(column, row))}"
    )
    if count > 1:
        message += f"; {count} pairs of cells differ, these by most"
    where = matrix.where(row, column)
    if not average and largest > ROUNDING:
        raise InputError(
            message,
            where=where,
            hint="the similarity of A to B must be that of B to A; `mmatune data symmetrise FOLDER"
            " NEW-FOLDER` writes the data with the mean of both",
        )
    if not average:
        told = f"{where}: {message} - a difference of rounding size: the mean of both is taken"
        warnings.warn(told, DataWarning, stacklevel=2)
    mean: np.ndarray = (values + values.T) / 2
    return mean


def check_associations(matrix: FileMatrix) -> None:
    """Raise for values that are neither 0 nor 1, and where every value is 0."""
    problems = Problems()
    for row, column in np.argwhere(~np.isin(matrix.values, (0, 1))).tolist():
        problems.add(
            f"{float(matrix.values[row, column])!r} is neither 0 nor 1",
            where=matrix.where(row, column),
            hint="1 is a known association, 0 an unknown pair",
        )
    problems.raise_any()
    if not matrix.values.any():
        raise InputError(
            "there is no association: every value is 0",
            where=str(matrix.path),
            hint="give at least one known pair",
        )
