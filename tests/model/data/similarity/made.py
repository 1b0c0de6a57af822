"""Making a similarity from a text, as the tests of the ways do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.data.similarity.interface import Similarity, make
from model.data.similarity.ways import WAYS
from model.errors import InputError


def made(way: str, *files: Path, settings: Sequence[str] = ()) -> Similarity:
    return make(WAYS[way], files, settings, lambda done, total: None)


def problems(way: str, *files: Path, settings: Sequence[str] = ()) -> list[str]:
    """The lines that the files are refused with."""
    try:
        made(way, *files, settings=settings)
    except InputError as error:
        return error.lines()
    raise AssertionError("nothing was refused")
