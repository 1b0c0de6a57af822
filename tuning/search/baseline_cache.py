"""Scores of baselines, kept under the home: the same data, protocol and seed are measured once.

One JSON file per baseline and key. A score that belongs to other data, other folds, edited code or
another version of a numerical library has another key, and is not found.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from model.baselines.registry import BASELINES, evaluate_baseline
from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import Fold
from model.evaluation.result import Evaluation
from tuning.home import home

# A score follows from the data and the folds, which are part of the key themselves, from every
# module of these folders, and from two more.
_FOLDERS = ("baselines", "baselines/compared", "evaluation/metrics")
_BESIDE = ("network/gip.py", "evaluation/ensemble.py")
_LIBRARIES = ("numpy", "scikit-learn", "scipy", "torch")

Key = dict[str, str | int]


def cached_evaluation(
    name: str, dataset: AssociationDataset, protocol: str, seed: int, folds: Sequence[Fold]
) -> Evaluation:
    """Each fold's metrics of a baseline, from the cache or measured and put there; see `Entry`."""
    entry = Entry.of(name, dataset, protocol, seed, folds)
    evaluation = entry.read()
    if evaluation is None:
        evaluation = evaluate_baseline(BASELINES[name], dataset, folds)
        entry.write(evaluation)
    return evaluation


@dataclass(frozen=True)
class Entry:
    """The place of one baseline's scores in the cache."""

    path: Path
    key: Key

    @classmethod
    def of(
        cls,
        name: str,
        dataset: AssociationDataset,
        protocol: str,
        seed: int,
        folds: Sequence[Fold],
    ) -> Entry:
        """The entry of a baseline on these folds.

        Args:
            name: a key of `BASELINES`.
            protocol: name of the protocol that the folds come from.
            seed: the seed that they come from.
            folds: what they hold is part of the key too, so the name cannot mislead.
        """
        key: Key = {
            "baseline": name,
            "data_hash": dataset.content_hash,
            "protocol": protocol,
            "seed": seed,
            "folds": _folds_hash(folds),
            "code": code_version(),
        }
        outside = outside_version(name)
        if outside is not None:
            key["outside"] = outside
        return cls(_path(key), key)

    def read(self) -> Evaluation | None:
        """What is there; None where there is nothing, or it is not what was written."""
        return _read(self.path, self.key)

    def write(self, evaluation: Evaluation) -> None:
        """Put an evaluation there."""
        _write(self.path, self.key, evaluation)


def sources() -> list[Traversable]:
    """The files whose code decides a score, in a fixed order."""
    model = files("model")
    found = [model / module for module in _BESIDE]
    for folder in _FOLDERS:
        modules = [file for file in (model / folder).iterdir() if file.name.endswith(".py")]
        found += sorted(modules, key=lambda file: file.name)
    return found


@cache
def code_version() -> str:
    """Changes with any edit of a module that baselines are made of, and with their libraries."""
    digest = hashlib.sha256()
    for source in sources():
        digest.update(source.read_bytes() + b"\0")
    for library in _LIBRARIES:
        digest.update(f"{library}=={version(library)}\0".encode())
    return digest.hexdigest()


def outside_version(name: str) -> str | None:
    """As `code_version`, of other packages' code: the baseline, if it is theirs, and their metrics.

    The code is the module that the entry point names, with the other modules of its folder where
    it is in a package, and the version of the distribution. None: nothing is of another package.
    """
    points = [*entry_points(group=BASELINES.group, name=name), *entry_points(group=METRICS.group)]
    if not points:
        return None
    digest = hashlib.sha256()
    for point in points:
        distribution = f"{point.dist.name}=={point.dist.version}" if point.dist else ""
        digest.update(f"{point.name}={point.value} {distribution}\0".encode())
        for source in _sources_of(point):
            digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()


def _sources_of(point: EntryPoint) -> list[Path]:
    found = find_spec(point.module)
    if found is None or found.origin is None:
        raise InputError(
            f"there is no module {point.module}",
            where=f"entry point {point.name!r} of {point.group}",
            hint="mend or uninstall the package that names it",
        )
    module = Path(found.origin)
    return sorted(module.parent.glob("*.py")) if found.parent else [module]


def _folds_hash(folds: Sequence[Fold]) -> str:
    digest = hashlib.sha256()
    for fold in folds:
        digest.update(f"{fold.balance}\0".encode())
        for array in (fold.train_pairs, fold.train_groups, fold.held_out, fold.ranked_against):
            digest.update(f"{array.shape}\0".encode() + array.astype("int64").tobytes())
    return digest.hexdigest()


def _path(key: Key) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return home() / "baselines" / f"{digest[:32]}.json"


def _read(path: Path, key: Key) -> Evaluation | None:
    """The evaluation in a cache file; None where there is none, or it is not what was written."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["key"] != key:
            return None
        folds = [{name: _number(fold[name]) for name in METRICS} for fold in document["folds"]]
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None
    return Evaluation(tuple(folds)) if folds else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _write(path: Path, key: Key, evaluation: Evaluation) -> None:
    """Write under another name and rename, so that no reader ever sees half a file."""
    folds = [
        {name: None if math.isnan(value) else value for name, value in fold.items()}
        for fold in evaluation.folds
    ]
    text = json.dumps({"key": key, "folds": folds}, indent=1)
    try:
        path.parent.mkdir(exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:
        return  # a full or read-only disk costs the cache, not the result
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(scratch, path)
    except OSError:
        Path(scratch).unlink(missing_ok=True)
    except BaseException:  # Ctrl-C: leave nothing half-written
        Path(scratch).unlink(missing_ok=True)
        raise
