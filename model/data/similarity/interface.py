"""What a way from descriptions of things to their similarity is, and its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from model.config import Config
from model.errors import InputError, Problems

Advance = Callable[[int, int], None]  # steps that are done, and all


class Columns(Config):
    """Settings of every way that reads a table: which columns it takes."""

    names: str | None = Field(
        None, description="heading of the column of names; default: the first"
    )
    column: str | None = Field(None, description="heading of the column that describes the things")


@dataclass(frozen=True)
class Similarity:
    """A similarity that was made.

    Args:
        names: n, in the order of the file.
        values: (n, n) float64, symmetric, 0 to 1, with a diagonal of 1.
        said: what was understood and done, one plain line each.
    """

    names: tuple[str, ...]
    values: np.ndarray
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Way:
    """One way to a similarity: an entry of `WAYS`.

    Args:
        meaning: one line for the help.
        files: what to give, in the order in which it is given: ``("TABLE",)``. A last one that ends
            in ``...`` may be given more than once.
        settings: its settings at their defaults, each with a description.
        make: from the files, the settings and a function that is told of the progress to a
            similarity. It raises InputError for all problems of the files at once.
    """

    meaning: str
    files: tuple[str, ...]
    settings: Config
    make: Callable[[Sequence[Path], Any, Advance], Similarity]


def make(way: Way, files: Sequence[Path], settings: Sequence[str], advance: Advance) -> Similarity:
    """The similarity by a way.

    Args:
        settings: each as it is typed, ``radius=3``.

    Raises:
        InputError: too few or too many files, a setting that is none, or files that cannot be used.
    """
    problems = Problems()
    few, many = len(way.files), not way.files[-1].endswith("...")
    if len(files) < few or (many and len(files) > few):
        problems.add(
            f"{len(files)} file{'' if len(files) == 1 else 's'} given, but this way takes"
            f" {' '.join(way.files)}",
            hint=f"settings, with --set: {_told(way.settings)}",
        )
    with problems.gathered():
        chosen = read_settings(way.settings, settings)
    problems.raise_any()
    return way.make(files, chosen, advance)


def read_settings(defaults: Config, texts: Sequence[str]) -> Config:
    """The settings with ``name=value`` for each text; InputError for all that are amiss."""
    problems = Problems()
    values: dict[str, str] = {}
    kind = type(defaults)
    fields = kind.model_fields
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or name not in fields:
            close = get_close_matches(name, fields, n=1)
            problems.add(
                f"there is no setting {name!r}" if equals else "is not of the form name=value",
                where=f"--set {text}",
                hint=f"did you mean {close[0]}?" if close else f"settings are: {_told(defaults)}",
            )
        elif name in values:
            problems.add(f"{name} is set twice", where=f"--set {text}", hint="set it once")
        values[name] = value
    problems.raise_any()
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        for one in error.errors():
            name = str(one["loc"][0])
            problems.add(
                one["msg"], where=f"--set {name}={values[name]}", hint=_told(defaults, name)
            )
        problems.raise_any()
        raise


def exact(values: np.ndarray) -> np.ndarray:
    """A similarity that is one but for rounding: exactly symmetric, 0 to 1, 1 on the diagonal."""
    values = np.clip((values + values.T) / 2, 0, 1)
    np.fill_diagonal(values, 1)
    return values


@contextmanager
def needed(library: str) -> Iterator[None]:
    """Import an optional library in the block; InputError if it is not here, with the mend."""
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"{library} is needed for this and cannot be imported: {error}",
            hint="pip install 'mmatune[similarity]'",
        ) from error


def _told(defaults: Config, only: str | None = None) -> str:
    return "; ".join(
        f"{name}={field.default} ({field.description})"
        for name, field in type(defaults).model_fields.items()
        if only in (None, name)
    )
