"""A similarity that was made, put into the data set of a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.kinds import key_of
from model.data.similarity.absence import is_absent
from model.data.similarity.interface import Similarity
from model.errors import InputError, Problems

_ASSOCIATIONS = "associations"


def has_associations(folder: Path) -> bool:
    """Whether a folder holds a data set already."""
    return any(key_of(path.stem) == _ASSOCIATIONS for path in folder.iterdir())


def refuse_associations(files: list[Path]) -> None:
    """Raise where a similarity is to be made from the associations."""
    problems = Problems()
    for path in files:
        if key_of(path.stem) == _ASSOCIATIONS:
            problems.add(
                "a similarity made from the associations holds the answer: every score would be too"
                " high",
                where=str(path),
                hint="give what is known of the things themselves; the model makes profile kernels"
                " itself, of training associations",
            )
    problems.raise_any()


def side_for(dataset: AssociationDataset, kind: str | None) -> int:
    """The side of a kind, or the one without a similarity.

    Args:
        kind: as it is typed; None if it is not.

    Raises:
        InputError: neither side is of that kind, or it is not clear which one is meant.
    """
    kinds = dataset.kinds
    if kind is not None:
        for side, one in enumerate(kinds):
            if one.is_called(kind):
                return side
        raise InputError(
            f"{dataset.name} has no {kind!r}",
            where="--kind",
            hint=f"its kinds are {kinds[0].name} and {kinds[1].name}",
        )
    absent = [side for side, (_, _, values) in enumerate(dataset.sides) if is_absent(values)]
    if len(absent) != 1:
        what = "both kinds lack" if absent else "neither kind lacks"
        raise InputError(
            f"{what} a similarity",
            where=dataset.name,
            hint=f"say whose this is: --kind {kinds[0].key} or --kind {kinds[1].key}",
        )
    return absent[0]


def fitted(
    dataset: AssociationDataset, side: int, similarity: Similarity
) -> tuple[AssociationDataset, list[str]]:
    """The data set with the similarity on that side, and the names that it adds to it.

    Raises:
        InputError: for every thing with an association that the similarity lacks.
    """
    kind, names, _ = dataset.sides[side]
    linked = np.asarray(dataset.associations.any(axis=1 - side))
    described = set(similarity.names)
    problems = Problems()
    for row, name in enumerate(names):
        if not linked[row] or name in described:
            continue
        problems.add(
            f"the {kind.name} {name!r} has associations, but is not among the"
            f" {len(similarity.names)} things described",
            where=dataset.name,
            hint="describe it, or take its associations out",
        )
    problems.raise_any()
    old = {name: row for row, name in enumerate(names)}
    rows = [old.get(name) for name in similarity.names]
    profiles = dataset.associations if side == 0 else dataset.associations.T
    nothing = np.zeros(profiles.shape[1], dtype=np.uint8)
    moved = np.stack([nothing if row is None else profiles[row] for row in rows])
    if side == 0:
        changed = replace(
            dataset,
            rows=similarity.names,
            row_similarity=similarity.values,
            associations=moved,
        )
    else:
        changed = replace(
            dataset,
            columns=similarity.names,
            column_similarity=similarity.values,
            associations=moved.T,
        )
    return changed, [name for name in similarity.names if name not in old]
