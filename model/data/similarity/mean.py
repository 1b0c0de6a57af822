"""The mean of several similarities, of each two things over the files that hold both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.config import Config
from model.data.kinds import Kind
from model.data.similarity.interface import Advance, Similarity, Way
from model.data.similarity_file import read_similarity
from model.errors import Problems

_SLACK = 1e-3  # rounding


class MeanSettings(Config):
    """A mean has none."""


def similarity(files: Sequence[Path], settings: MeanSettings, advance: Advance) -> Similarity:
    """Mean of similarity files, aligned by name; the names are in the order of first appearance.

    Raises:
        InputError: files that cannot be read, values that are not on the scale of 0 to 1, and
            pairs of things that no file holds both of.
    """
    problems = Problems()
    read: list[tuple[Path, list[str], np.ndarray]] = []
    for done, path in enumerate(files, start=1):
        with problems.gathered():
            names, values = read_similarity(path, Kind("thing", "things"))
            low, high = float(values.min()), float(values.max())
            if low < -_SLACK or high > 1 + _SLACK:
                problems.add(
                    f"values go from {low:g} to {high:g}; only similarities between 0 and 1 have a"
                    " common mean",
                    where=str(path),
                    hint="bring it to that scale first",
                )
            read.append((path, names, values))
        advance(done, len(files))
    problems.raise_any()
    names = list(dict.fromkeys(name for _, own, _ in read for name in own))
    position = {name: row for row, name in enumerate(names)}
    total, count = np.zeros((len(names), len(names))), np.zeros((len(names), len(names)))
    said = [f"mean of {', '.join(path.name for path in files)}"]
    for path, own, values in read:
        block = np.ix_(rows := [position[name] for name in own], rows)
        total[block] += values
        count[block] += 1
        if absent := [name for name in names if name not in set(own)]:
            said.append(f"{path.name} lacks {len(absent)} of {len(names)}: {_shown(absent)}")
    for row in np.flatnonzero((count == 0).any(axis=1)):
        others = [names[other] for other in np.flatnonzero(count[row] == 0) if other > row]
        if others:
            problems.add(
                f"no file holds {names[row]!r} together with {_shown(others)}",
                where=", ".join(str(path) for path in files),
                hint="give a file that has both, or leave one out",
            )
    problems.raise_any()
    return Similarity(tuple(names), total / count, tuple(said))


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(map(repr, names[:3]))}{more}"


MEAN = Way(
    meaning="the mean of several similarities, aligned by name",
    files=("SIMILARITY", "SIMILARITY..."),
    settings=MeanSettings(),
    make=similarity,
)
