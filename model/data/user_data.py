"""A user's own data: a folder of three text files, each `.csv` (commas) or `.tsv` (tabs).

- ``mirna_similarity`` and ``small_molecule_similarity``: a square matrix whose header row and first
  column hold the same names in the same order. They give the data set its names and their order.
  A large one may be `.npy` (float32 or float64), which is read from disk as it is needed; its names
  then stand one a line in ``mirna_names.txt`` or ``small_molecule_names.txt``.
- ``associations``: either the known pairs, one a row, under the header ``mirna,small_molecule`` (in
  either order), or a matrix of 0 and 1 whose header row holds the small molecules and whose first
  column the miRNAs, each in any order.

All problems of a folder are told at once.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from model.data.association_file import PAIR_HEADER, Sides, associations_of
from model.data.datasets import AssociationDataset
from model.data.readers import read_table
from model.data.similarity_file import DELIMITERS, read_similarity
from model.errors import InputError, Problems

_FORMAT_HINT = "`mmatune data synth FOLDER` writes an example of the format"


def load_user_folder(folder: Path, *, average: bool = False) -> AssociationDataset:
    """The data set in a user's folder, named after the folder.

    Args:
        average: make the similarities symmetric by the mean of both directions; without it they
            have to be, but for differences of rounding size.

    Raises:
        InputError: files are missing or there twice, malformed, or do not fit the others; the
            error names the file, the row and column, and the value of each problem.
    """
    problems = Problems()
    sides: list[tuple[list[str], np.ndarray]] = []
    for stem, kind in (
        ("mirna_similarity", "miRNA"),
        ("small_molecule_similarity", "small molecule"),
    ):
        with problems.gathered():
            path = _find(folder, stem, (*DELIMITERS, ".npy"))
            sides.append(read_similarity(path, kind, average=average))
    with problems.gathered():
        path = _find(folder, "associations", tuple(DELIMITERS))
        table = read_table(path, DELIMITERS[path.suffix])
        if len(sides) == 2:  # whose names are known
            associations = associations_of(table, Sides(sides[0][0], sides[1][0]))
    problems.raise_any()
    return AssociationDataset(
        name=folder.resolve().name,
        mirnas=tuple(sides[0][0]),
        small_molecules=tuple(sides[1][0]),
        associations=associations,
        mirna_similarity=sides[0][1],
        small_molecule_similarity=sides[1][1],
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
            _write(made / "associations.csv", [PAIR_HEADER, *pairs])
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


def _write_similarity(path: Path, names: Sequence[str], matrix: np.ndarray) -> None:
    # repr() of a float is the shortest text that reads back to the same bits.
    rows = ([name, *map(repr, row)] for name, row in zip(names, matrix.tolist(), strict=True))
    _write(path, [["", *names], *rows])


def _write(path: Path, rows: Iterable[Iterable[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
