"""A user's own data: a folder of text files, each `.csv` (commas) or `.tsv` (tabs).

- ``KIND_similarity``, one for each of the two kinds of things (``gene_similarity.csv``,
  ``drug_similarity.csv``): a square matrix whose header row and first column hold the same names in
  the same order. They give the data set its names and their order. A large one may be `.npy`
  (float32 or float64), which is read from disk as it is needed; its names then stand one a line in
  ``KIND_names.txt``. A kind may have none, see `model.data.similarity.absence`: its names are then
  those of ``KIND_names.txt``, or else of the associations, in the order in which they appear.
- ``associations``: either the known pairs, one a row, under a header of the two kinds
  (``gene,drug``), or a matrix of 0 and 1 whose header row holds the names of one kind and whose
  first column those of the other, each in any order.
- ``dataset.yaml``, which may be left out, says what the others cannot; see
  `model.data.description.Description`.

What the kinds are called is said by ``dataset.yaml``, or by the header of the pairs, or by the
names of the similarities. All problems of a folder are told at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from model.data.association_file import Sides, associations_of, names_of
from model.data.datasets import AssociationDataset
from model.data.description import Description, read_description
from model.data.kinds import DEFAULT_KINDS, Kind, Kinds, key_of, kind_of
from model.data.readers import Table, read_table
from model.data.similarity.absence import LARGEST, identity, is_absent
from model.data.similarity_file import (
    DELIMITERS,
    read_names,
    read_similarity,
    write_similarity,
    write_table,
)
from model.errors import InputError, Problems

_FORMAT_HINT = (
    "`mmatune data synth FOLDER` writes an example of the format, `mmatune data import` makes it of"
    " other files"
)
_SUFFIXES = (*DELIMITERS, ".npy")
_ENDING = "_similarity"
_CLOSE = 0.85  # of 1, difflib's ratio: one or two letters of a name


def load_user_folder(folder: Path, *, average: bool = False) -> AssociationDataset:
    """The data set in a user's folder, named after the folder.

    Args:
        average: make the similarities symmetric by the mean of both directions; without it they
            have to be, but for differences of rounding size.

    Raises:
        InputError: files are missing or there twice, malformed, or do not fit the others; the
            error names the file, the row and column, and the value of each problem.
    """
    problems, of_associations = Problems(), Problems()
    table, kinds, sides = None, None, []
    with of_associations.gathered():
        path = _find(folder, "associations", tuple(DELIMITERS))
        table = read_table(path, DELIMITERS[path.suffix])
    with problems.gathered():
        kinds, may_be_turned = _kinds(folder, table)
        for kind in kinds:
            with problems.gathered():
                sides.append(_side(folder, kinds, kind, table, average=average))
    with problems.gathered():
        of_associations.raise_any()
        if table is not None and kinds is not None and len(sides) == 2:
            if may_be_turned and _are_turned(table, sides[0][0], sides[1][0]):
                kinds, sides = (kinds[1], kinds[0]), sides[::-1]
            associations = associations_of(table, Sides(kinds, (sides[0][0], sides[1][0])))
    problems.raise_any()
    return AssociationDataset(
        name=folder.resolve().name,
        rows=tuple(sides[0][0]),
        columns=tuple(sides[1][0]),
        associations=associations,
        row_similarity=sides[0][1],
        column_similarity=sides[1][1],
        kinds=kinds or DEFAULT_KINDS,
    )


def write_user_folder(
    dataset: AssociationDataset, folder: Path, description: Description | None = None
) -> None:
    """Write a data set as a user's folder, which reads back to the same content hash and kinds.

    The folder appears with all its files or not at all.

    Args:
        description: for `dataset.yaml`; without it there is one where the kinds are not miRNAs and
            small molecules.

    Raises:
        InputError: the folder exists and is not empty, is a file, or cannot be written.
    """
    folder = folder.absolute()
    if description is None and dataset.kinds != DEFAULT_KINDS:
        description = Description.of(dataset.kinds)
    pairs = [(dataset.rows[i], dataset.columns[j]) for i, j in dataset.association_pairs]
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
            header = [kind.key for kind in dataset.kinds]
            write_table(made / "associations.csv", [header, *pairs])
            for kind, names, similarity in dataset.sides:
                if similarity.dtype == np.float64 and is_absent(similarity):
                    lines = "".join(f"{name}\n" for name in names)
                    (made / f"{kind.key}_names.txt").write_text(lines, encoding="utf-8")
                else:
                    write_similarity(made / f"{kind.similarity}.csv", names, similarity)
            if description is not None:
                description.write(made)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(folder), hint="give another path"
        ) from error


def _side(
    folder: Path, kinds: Kinds, kind: Kind, table: Table | None, *, average: bool
) -> tuple[list[str], np.ndarray]:
    """Names and similarity of a kind; the identity where it has none."""
    path = _found(folder, kind.similarity, _SUFFIXES)
    if path is not None:
        return read_similarity(path, kind, average=average)
    _check_none_is_meant(folder, kinds, kind)
    listed = _found(folder, f"{kind.key}_names", (".txt",))
    names = read_names(listed, kind.name) if listed else []
    if listed is None and table is not None:
        names = names_of(table, kinds, kinds.index(kind))
    if len(names) > LARGEST:
        raise InputError(
            f"no similarity of {kind.counted(len(names))} is given; without one there can be"
            f" {LARGEST:,} at most",
            where=str(folder),
            hint=f"`mmatune data similarity` makes a {kind.similarity} from what is known of them",
        )
    return names, identity(len(names))


def _check_none_is_meant(folder: Path, kinds: Kinds, kind: Kind) -> None:
    """Raise where the similarity of a kind seems to be there under another name."""
    known = [other.similarity for other in kinds]
    problems = Problems()
    for path in sorted(folder.iterdir()):
        stem = key_of(path.stem)
        is_close = bool(get_close_matches(stem, [kind.similarity], cutoff=_CLOSE))
        if stem not in known and (stem.endswith(_ENDING) or is_close) and path.is_file():
            problems.add(
                f"is of neither kind, {kinds[0].name} nor {kinds[1].name}, and no similarity of the"
                f" {kind.plural} is there",
                where=str(path),
                hint=f"rename it to {kind.similarity}{path.suffix}, or remove it: {kind.plural} are"
                " then known by their associations alone",
            )
    problems.raise_any()


def _kinds(folder: Path, table: Table | None) -> tuple[Kinds, bool]:
    """The kinds, and whether only the names can say which of them are the rows.

    Raises:
        InputError: nothing names two kinds, or `dataset.yaml` is amiss.
    """
    described = read_description(folder).kinds
    if described is not None:
        return described, False
    header = [kind_of(cell) for cell in table.rows[0] if key_of(cell)] if table else []
    by_file = [kind_of(key) for key in _keys(folder)]
    # In the header's spelling, which may have capitals, such as lncRNA.
    named = [kind for kind in header if any(kind.is_called(other.name) for other in by_file)]
    if len(named) == 2:
        return _in_order(*named), False
    if len(by_file) == 2:
        first, second = by_file
        return _in_order(first, second), {first, second} != set(DEFAULT_KINDS)
    if len(header) == 2 and header[0].key != header[1].key:
        return _in_order(*header), False
    raise InputError(
        "nothing names two kinds of things",
        where=str(folder),
        hint="put `gene_similarity.csv` and `drug_similarity.csv` there, in words of your own, or"
        f" `associations.csv` under the header `gene,drug`; {_FORMAT_HINT}",
    )


def _in_order(first: Kind, second: Kind) -> Kinds:
    """miRNAs have always been the rows, in whichever order the pairs come."""
    return DEFAULT_KINDS if {first, second} == set(DEFAULT_KINDS) else (first, second)


def _are_turned(table: Table, rows: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the first column holds the names that are taken for those of the columns."""
    names = {row[0].strip() for row in table.rows[1:]}
    return len(names.intersection(columns)) > len(names.intersection(rows))


def _keys(folder: Path) -> list[str]:
    """Kinds that have a similarity or a list of names, by the names of the files."""
    keys = {key_of(path.stem.removesuffix(_ENDING)) for path in _similarities(folder)}
    if len(keys) < 2:  # one without a similarity may have a list of names
        lists = [path for path in folder.glob("*.txt") if key_of(path.stem).endswith("_names")]
        keys |= {key_of(path.stem).removesuffix("_names") for path in lists}
    return sorted(keys)


def _similarities(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in _SUFFIXES and key_of(path.stem).endswith(_ENDING)
    )


def _find(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path:
    found = _found(folder, stem, suffixes)
    if found is None:
        names = " nor ".join(f"{stem}{suffix}" for suffix in suffixes)
        raise InputError(f"there is neither {names}", where=str(folder), hint=_FORMAT_HINT)
    return found


def _found(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    there = [path for path in folder.iterdir() if key_of(path.stem) == stem]
    found = [path for suffix in suffixes for path in sorted(there) if path.suffix == suffix]
    if len(found) > 1:
        names = " and ".join(path.name for path in found[:2])
        raise InputError(f"there are both {names}", where=str(folder), hint="remove one")
    return found[0] if found else None
