"""A side whose things have no similarity: they are known by their associations alone.

Its matrix is the identity: each thing is like itself and like no other. As features that is one
number a thing; similarity kernels then say nothing, profile kernels of the training associations
and the head's evidence say what there is.
"""

from __future__ import annotations

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.finding import Finding

# Features of more things are leading factors of their similarity, and the identity has none.
LARGEST = 5_000
_ROWS_AT_ONCE = 1_000


def identity(count: int) -> np.ndarray:
    """(count, count) float64: the matrix of a side without a similarity."""
    return np.eye(count)


def is_absent(similarity: np.ndarray) -> bool:
    """Whether a similarity is the identity, and so none. Of one thing it is one all the same."""
    if len(similarity) < 2 or similarity[0, 0] != 1 or similarity[0, 1:].any():
        return False  # of nearly every similarity the first row says it
    for start in range(0, len(similarity), _ROWS_AT_ONCE):
        block = similarity[start : start + _ROWS_AT_ONCE]
        own = block[np.arange(len(block)), np.arange(start, start + len(block))]
        if np.count_nonzero(block) != len(block) or (own != 1).any():
            return False
    return True


def meaning_of_absence(dataset: AssociationDataset, side: int) -> str:
    """What it means that a side has no similarity; empty if it has one.

    Args:
        side: 0 for the rows, 1 for the columns.
    """
    kind, _, similarity = dataset.sides[side]
    if not is_absent(similarity):
        return ""
    return (
        f"no similarity of the {kind.plural} is given: they are known by their associations alone;"
        f" {kind.one} without associations cannot be told from another"
    )


def absences(dataset: AssociationDataset) -> list[Finding]:
    """A warning for each side that has no similarity."""
    found = []
    for side, (kind, names, _) in enumerate(dataset.sides):
        if meaning := meaning_of_absence(dataset, side):
            lonely = int((~dataset.associations.any(axis=1 - side)).sum())
            of_them = f" ({lonely} of {len(names)} have none)" if lonely else ""
            found.append(
                Finding(
                    meaning + of_them,
                    where=f"{dataset.name}, {kind.similarity}",
                    hint=f"scores of new {kind.plural} mean nothing; `mmatune data similarity`"
                    " makes a similarity from what is known of them",
                    is_fault=False,
                )
            )
    return found
