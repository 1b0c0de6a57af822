"""A similarity in a user's folder: a square text matrix with names, or a `.npy` file and names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from model.data.file_checks import symmetric
from model.data.kinds import Kind
from model.data.readers import check_names, labelled_matrix, place, read_table, read_text
from model.errors import InputError, Problems

DELIMITERS = {".csv": ",", ".tsv": "\t"}


def read_similarity(
    path: Path, kind: Kind, *, average: bool = False
) -> tuple[list[str], np.ndarray]:
    """Names and values of a similarity.

    Args:
        kind: of the things.
        average: take the mean of both directions, however far they are apart.

    Raises:
        InputError: the file cannot be used; it names row and column.
    """
    if path.suffix == ".npy":
        return _map_similarity(path, kind.name)
    table = read_table(path, DELIMITERS[path.suffix])
    row_names, column_names, matrix = labelled_matrix(
        table, row_kind=kind.name, column_kind=kind.name
    )
    problems = Problems()
    for index, (row_name, column_name) in enumerate(zip(row_names, column_names, strict=False)):
        if row_name != column_name:
            problems.add(
                f"{row_name!r} names the row, but {column_name!r} the column in the same position",
                where=place(path, row=table.lines[index + 1], column=1),
                hint="the header row and the first column must hold the same names in one order",
            )
    problems.raise_any()
    return row_names, symmetric(matrix, average=average)


def _map_similarity(path: Path, kind: str) -> tuple[list[str], np.ndarray]:
    """The names beside a `.npy` file, and its matrix, memory-mapped."""
    try:
        # Not numpy.load, which also takes archives and pickles under this name.
        matrix = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a damaged header raises whatever numpy's parser comes across
        raise InputError(
            f"is no array that numpy reads: {(str(error) or repr(error)).splitlines()[0]}",
            where=str(path),
            hint="write it with numpy.save, as float32 or float64",
        ) from error
    if matrix.ndim != 2 or matrix.dtype not in (np.float32, np.float64):
        raise InputError(
            f"holds {matrix.dtype} of shape {matrix.shape}",
            where=str(path),
            hint="a square matrix of float32 or float64 is needed",
        )
    names_path = path.with_name(f"{path.stem.removesuffix('_similarity')}_names.txt")
    if not names_path.exists():
        raise InputError(
            f"there is no {names_path.name}",
            where=str(path.parent),
            hint=f"give the names of {path.name}'s rows there, one a line",
        )
    names = read_names(names_path, kind)
    if matrix.shape != (len(names), len(names)):
        raise InputError(
            f"holds {matrix.shape[0]} x {matrix.shape[1]} values, but {names_path.name} has"
            f" {len(names)} names",
            where=str(path),
        )
    return names, matrix


def read_names(path: Path, kind: str) -> list[str]:
    """The names in a file with one a line; InputError for those that are none or stand twice."""
    names = [line.strip() for line in read_text(path).splitlines()]
    while names and not names[-1]:
        names.pop()
    check_names(names, kind, lambda i: place(path, row=i + 1))
    return names


def write_similarity(path: Path, names: Sequence[str], matrix: np.ndarray) -> None:
    """Write a similarity as text, which reads back to the same bits."""
    # repr() of a float is the shortest text that does.
    rows = ([name, *map(repr, row)] for name, row in zip(names, matrix.tolist(), strict=True))
    write_table(path, chain([["", *names]], rows))


def write_table(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows as `.csv` or `.tsv`, by the suffix."""
    delimiter = DELIMITERS[path.suffix]
    with path.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in rows:
            (quoted if row[0].startswith("#") else plain).writerow(row)  # it would be a remark
