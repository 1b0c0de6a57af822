"""A user's own data: a folder of three text files, each `.csv` (commas) or `.tsv` (tabs).

- ``mirna_similarity`` and ``small_molecule_similarity``: a square matrix whose header row and first
  column hold the same names in the same order. They give the data set its names and their order.
  A large one may be `.npy` (float32 or float64), which is read from disk as it is needed; its names
  then stand one a line in ``mirna_names.txt`` or ``small_molecule_names.txt``.
- ``associations``: either the known pairs, one a row, under the header ``mirna,small_molecule`` (in
  either order), or a matrix of 0 and 1 whose header row holds the small molecules and whose first
  column the miRNAs, each in any order.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.file_checks import check_associations, check_symmetric
from model.data.readers import Table, labelled_matrix, place, read_table
from model.errors import InputError

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PAIR_HEADER = ("mirna", "small_molecule")
_FORMAT_HINT = "`mmatune data synth FOLDER` writes an example of the format"


def load_user_folder(folder: Path) -> AssociationDataset:
    """The data set in a user's folder, named after the folder.

    Raises:
        InputError: a file is missing or there twice, malformed, or does not fit the others; the
            error names the file, the row and column, and the value.
    """
    # All three are looked for before one is read, so that a missing file is told at once.
    paths = [
        _find(folder, "mirna_similarity", (*_DELIMITERS, ".npy")),
        _find(folder, "small_molecule_similarity", (*_DELIMITERS, ".npy")),
        _find(folder, "associations", tuple(_DELIMITERS)),
    ]
    mirnas, mirna_similarity = _read_similarity(paths[0], "miRNA")
    small_molecules, small_molecule_similarity = _read_similarity(paths[1], "small molecule")
    table = read_table(paths[2], _DELIMITERS[paths[2].suffix])
    if _is_pair_list(table, small_molecules):
        associations = _from_pairs(table, mirnas, small_molecules)
    else:
        associations = _from_matrix(table, mirnas, small_molecules)
    return AssociationDataset(
        name=folder.resolve().name,
        mirnas=tuple(mirnas),
        small_molecules=tuple(small_molecules),
        associations=associations,
        mirna_similarity=mirna_similarity,
        small_molecule_similarity=small_molecule_similarity,
    )


def write_user_folder(dataset: AssociationDataset, folder: Path) -> None:
    """Write a data set as a user's folder, which reads back to the same content hash.

    The folder appears with all its files or not at all.

    Raises:
        InputError: the folder exists and is not empty, is a file, or cannot be written.
    """
    folder = folder.absolute()
    pairs = [
        (dataset.mirnas[mirna], dataset.small_molecules[small_molecule])
        for mirna, small_molecule in dataset.association_pairs
    ]
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(
                "exists and is not an empty folder", where=str(folder), hint="give another path"
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            # The scratch folder is closed to other users, so the one that stays is made inside.
            made = Path(scratch) / folder.name
            made.mkdir()
            _write(made / "associations.csv", [_PAIR_HEADER, *pairs])
            _write_similarity(
                made / "mirna_similarity.csv", dataset.mirnas, dataset.mirna_similarity
            )
            _write_similarity(
                made / "small_molecule_similarity.csv",
                dataset.small_molecules,
                dataset.small_molecule_similarity,
            )
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(folder), hint="give another path"
        ) from error


def _find(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path:
    found = [path for suffix in suffixes if (path := folder / f"{stem}{suffix}").exists()]
    if not found:
        names = " nor ".join(f"{stem}{suffix}" for suffix in suffixes)
        raise InputError(f"there is neither {names}", where=str(folder), hint=_FORMAT_HINT)
    if len(found) > 1:
        names = " and ".join(path.name for path in found[:2])
        raise InputError(f"there are both {names}", where=str(folder), hint="remove one")
    return found[0]


def _read_similarity(path: Path, kind: str) -> tuple[list[str], np.ndarray]:
    if path.suffix == ".npy":
        return _map_similarity(path)
    table = read_table(path, _DELIMITERS[path.suffix])
    row_names, column_names, matrix = labelled_matrix(table, row_kind=kind, column_kind=kind)
    for index, (row_name, column_name) in enumerate(zip(row_names, column_names, strict=False)):
        if row_name != column_name:
            raise InputError(
                f"{row_name!r} names the row, but {column_name!r} the column in the same position",
                where=place(path, row=table.lines[index + 1], column=1),
                hint="the header row and the first column must hold the same names in one order",
            )
    check_symmetric(matrix)
    return row_names, matrix.values


def _map_similarity(path: Path) -> tuple[list[str], np.ndarray]:
    """The names beside a `.npy` file, and its matrix, memory-mapped."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise InputError(
            f"is no array that numpy reads: {error}",
            where=str(path),
            hint="write it with numpy.save, as float32 or float64",
        ) from error
    if matrix.ndim != 2 or matrix.dtype not in (np.float32, np.float64):
        raise InputError(
            f"holds {matrix.dtype} of shape {matrix.shape}",
            where=str(path),
            hint="a square matrix of float32 or float64 is needed",
        )
    names_path = path.with_name(path.name.replace("_similarity.npy", "_names.txt"))
    if not names_path.exists():
        raise InputError(
            f"there is no {names_path.name}",
            where=str(path.parent),
            hint=f"give the names of {path.name}'s rows there, one a line",
        )
    names = [line.strip() for line in names_path.read_text(encoding="utf-8").splitlines()]
    if matrix.shape != (len(names), len(names)):
        raise InputError(
            f"holds {matrix.shape[0]} x {matrix.shape[1]} values, but {names_path.name} has"
            f" {len(names)} names",
            where=str(path),
        )
    return names, matrix


def _is_pair_list(table: Table, small_molecules: list[str]) -> bool:
    header = [cell.strip() for cell in table.rows[0]]
    # Two columns under a misspelt header are far more often pairs than a matrix with one column.
    return set(_PAIR_HEADER) <= set(header) or (
        len(header) == 2 and header[1] not in small_molecules
    )


def _from_pairs(table: Table, mirnas: list[str], small_molecules: list[str]) -> np.ndarray:
    """(M, S) 0/1 of a list of pairs; a pair that stands twice is an error."""
    header = [cell.strip() for cell in table.rows[0]]
    for column, cell in enumerate(header):
        if cell not in _PAIR_HEADER or cell in header[:column]:
            raise InputError(
                f"{cell!r} heads a column in a list of pairs",
                where=place(table.path, row=table.lines[0], column=column + 1),
                hint="a list of pairs has the columns `mirna` and `small_molecule` and no other",
            )
    first_line: dict[tuple[int, int], int] = {}
    rows, columns = _positions(mirnas), _positions(small_molecules)
    for row, line in zip(table.rows[1:], table.lines[1:], strict=True):
        index = dict.fromkeys(_PAIR_HEADER, 0)
        for column, key in enumerate(header):
            at = place(table.path, row=line, column=column + 1)
            index[key] = _position(row[column].strip(), key, rows, columns, at)
        pair = (index["mirna"], index["small_molecule"])
        if pair in first_line:
            raise InputError(
                f"the pair {mirnas[pair[0]]!r}, {small_molecules[pair[1]]!r} is already in row "
                f"{first_line[pair]}",
                where=place(table.path, row=line),
                hint="give every pair once",
            )
        first_line[pair] = line
    if not first_line:
        raise InputError(
            "there is no association: no pair follows the header",
            where=str(table.path),
            hint="give at least one known pair",
        )
    associations = np.zeros((len(mirnas), len(small_molecules)), dtype=np.uint8)
    for mirna, small_molecule in first_line:
        associations[mirna, small_molecule] = 1
    return associations


def _from_matrix(table: Table, mirnas: list[str], small_molecules: list[str]) -> np.ndarray:
    """(M, S) 0/1 of a matrix that holds every name of the similarities, in any order."""
    row_names, column_names, matrix = labelled_matrix(
        table, row_kind="miRNA", column_kind="small molecule"
    )
    row_of, column_of = _positions(mirnas), _positions(small_molecules)
    rows = [
        _position(name, "mirna", row_of, column_of, matrix.where(i, -1))
        for i, name in enumerate(row_names)
    ]
    header_line = table.lines[0]
    columns = [
        _position(
            name,
            "small_molecule",
            row_of,
            column_of,
            place(table.path, row=header_line, column=i + 2),
        )
        for i, name in enumerate(column_names)
    ]
    for kind, names, present, where in (
        ("miRNA", mirnas, row_names, place(table.path, column=1)),
        ("small molecule", small_molecules, column_names, place(table.path, row=header_line)),
    ):
        there = set(present)
        absent = [name for name in names if name not in there]
        if absent:
            raise InputError(
                f"{len(present)} {kind}s, but the similarity has {len(names)}: "
                f"{absent[0]!r} is not here",
                where=where,
                hint="give every name of the similarities; a row or column of 0 is fine",
            )
    check_associations(matrix)
    associations = np.zeros(matrix.values.shape, dtype=np.uint8)
    associations[np.ix_(rows, columns)] = matrix.values
    return associations


def _positions(names: list[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}


def _position(
    name: str, key: str, mirnas: dict[str, int], small_molecules: dict[str, int], where: str
) -> int:
    kind, names, others = ("miRNA", mirnas, small_molecules)
    if key == "small_molecule":
        kind, names, others = ("small molecule", small_molecules, mirnas)
    if name in names:
        return names[name]
    close = get_close_matches(name, names, n=3)
    if name in others:
        hint = f"it is the name of a {'miRNA' if kind == 'small molecule' else 'small molecule'}"
    elif close:
        hint = f"did you mean {', '.join(close)}?"
    else:
        hint = f"the {kind}s are those of the similarity file: {next(iter(names))}, ..."
    raise InputError(f"unknown {kind} {name!r}", where=where, hint=hint)


def _write_similarity(path: Path, names: Sequence[str], matrix: np.ndarray) -> None:
    # repr() of a float is the shortest text that reads back to the same bits.
    rows = ([name, *map(repr, row)] for name, row in zip(names, matrix.tolist(), strict=True))
    _write(path, [["", *names], *rows])


def _write(path: Path, rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
