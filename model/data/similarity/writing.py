"""Where a similarity that was made is written: whole or not at all, and over nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from model.data.kinds import kind_of
from model.data.similarity.interface import Similarity
from model.data.similarity_file import write_similarity
from model.errors import InputError

LARGEST_TEXT = 2_000  # things; the text of more is larger than 80 MB, so they become a .npy
_SUFFIXES = (".csv", ".tsv", ".npy")


def check_target(to: Path, kind: str | None) -> None:
    """Refuse a place to which nothing can be written, before anything is computed.

    Args:
        to: a data folder, or a file.
        kind: what the things are called; only for a folder.

    Raises:
        InputError: there is a similarity already, no such folder, or a suffix of no similarity.
    """
    if to.is_dir():
        if kind is None:
            raise InputError(
                "a folder holds similarities of two kinds of things, and --kind is missing",
                where=f"--to {to}",
                hint="say whose this is, such as --kind gene",
            )
        taken = [path for suffix in _SUFFIXES if (path := _in_folder(to, kind, suffix)).exists()]
    else:
        taken = [to] if to.exists() else []
        if kind is not None:
            raise InputError(
                f"{to} is no folder, so --kind {kind} names no file in it",
                where=f"--to {to}",
                hint="make the folder first, or leave out --kind",
            )
        if to.suffix not in _SUFFIXES or not to.parent.is_dir():
            raise InputError(
                "there is no such folder, and it is no name of a file",
                where=f"--to {to}",
                hint="make the folder, or give a file that ends in .csv, .tsv or _similarity.npy",
            )
        if to.suffix == ".npy" and not to.name.endswith("_similarity.npy"):
            raise InputError(
                f"{to.name} could not be read again: its names stand in a file that is named after"
                " it",
                where=f"--to {to}",
                hint="call it KIND_similarity.npy; its names will be in KIND_names.txt",
            )
    if taken:
        raise InputError("exists", where=str(taken[0]), hint="remove it first, or write elsewhere")


def write(similarity: Similarity, to: Path, kind: str | None) -> Path:
    """Write a similarity, with its names.

    Args:
        to, kind: see `check_target`. In a folder the form follows the size, see `LARGEST_TEXT`.

    Returns:
        The file of the matrix; the names of a ``.npy`` are beside it.

    Raises:
        InputError: as `check_target`, or the disk refuses.
    """
    check_target(to, kind)
    path = to
    if kind is not None:
        suffix = ".csv" if len(similarity.names) <= LARGEST_TEXT else ".npy"
        path = _in_folder(to, kind, suffix)
    path = path.absolute()
    try:
        # Open to nobody else, so what stays is made inside with the rights of a new file.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as scratch:
            made = Path(scratch) / path.name
            if path.suffix == ".npy":
                _write_names(similarity.names, path, Path(scratch))
                np.save(made, similarity.values.astype(np.float32))
            else:
                write_similarity(made, similarity.names, similarity.values)
            made.rename(path)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(path), hint="give another place"
        ) from error
    return path


def _in_folder(folder: Path, kind: str, suffix: str) -> Path:
    return folder / f"{kind_of(kind).similarity}{suffix}"


def _write_names(names: tuple[str, ...], matrix: Path, scratch: Path) -> None:
    """Write the names of a ``.npy`` before it: alone they do no harm."""
    path = matrix.with_name(matrix.name.replace("_similarity.npy", "_names.txt"))
    text = "".join(f"{name}\n" for name in names)
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise InputError(
                "exists and holds other names, or these in another order",
                where=str(path),
                hint="remove it first, or write elsewhere",
            )
        return
    (scratch / path.name).write_text(text, encoding="utf-8")
    (scratch / path.name).rename(path)
