"""How associations are dealt out to folds, and which pairs a fold ranks them against.

Plain functions of a data set; `model/evaluation/protocols.py` names the ways to combine them.

Shape legend: K associations, M rows, S columns, U pairs held-out ones are ranked against.
A node pair numbers the nodes rows first: column j is node M + j.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.names import mature_name, precursor_labels, unknown_name
from model.errors import InputError

SplitBy = Literal["association", "row", "column", "node"]
RankedAgainst = Literal[
    "unknown pairs",
    "unknown pairs of held-out nodes",
    "unknown pairs of training nodes",
    "node pairs",
]
# Groups of a user's own are (name, group) pairs; a name that is not there is a group by itself.
# "mature" is the rule of studies before 0.2.0, which knows plainly spelt names of rows only: their
# sealed parts follow from it.
Grouping = Literal["precursors", "mature", "none"] | tuple[tuple[str, str], ...]

# What the number of a part means, besides k >= 0: held out by fold k.
SEALED = -1
TRAIN_ONLY = -2  # trained on in every fold
ASIDE = -3  # in no fold: trained on, it would give away what is held out


def to_node_pairs(pairs: np.ndarray, n_rows: int) -> np.ndarray:
    """(P, 2) index pairs as (2, P) node pairs."""
    return (pairs + [0, n_rows]).T


def association_groups(
    dataset: AssociationDataset, split_by: SplitBy, grouping: Grouping
) -> np.ndarray:
    """(K,) group of each association, 0, 1, ...; those of one group must share a part.

    Args:
        split_by: "association" keeps twins with the same column together; the others keep
            everything of one row (and its twins), or of one column, together.
        grouping: which names are twins of each other.
    """
    pairs = dataset.association_pairs
    if split_by in ("association", "node") and grouping == "none":
        return np.arange(len(pairs))
    rows, columns = (_labels(dataset, side, grouping) for side in (0, 1))
    # Not the column's label: published splits follow from the order of these keys.
    first_with: dict[str, int] = {}
    first = [first_with.setdefault(label, column) for column, label in enumerate(columns)]
    if split_by == "row":
        keys = [rows[row] for row, _ in pairs]
    elif split_by == "column":
        keys = [str(first[column]) for _, column in pairs]
    else:
        keys = [f"{rows[row]}\t{first[column]}" for row, column in pairs]
    return np.unique(keys, return_inverse=True)[1]


def _labels(dataset: AssociationDataset, side: int, grouping: Grouping) -> list[str]:
    """A label for each thing of a side, equal for those that are twins."""
    names = (dataset.rows, dataset.columns)[side]
    if grouping == "precursors":
        return precursor_labels(names)
    if grouping == "mature":  # a rule for rows alone
        return list(names) if side else [mature_name(name) for name in names]
    own: Mapping[str, str] = {} if grouping == "none" else dict(grouping)
    # The prefix keeps a group apart from a lone name that happens to be spelt the same.
    return [f"group {own[name]}" if name in own else name for name in names]


def deal_out(
    groups: np.ndarray,
    rng: np.random.Generator,
    *,
    folds: int,
    sealed: int,
    held_out: int | None = None,
    even_large_groups: bool = True,
) -> np.ndarray:
    """(K,) part of each association: groups in random order, each to the smallest fold.

    Args:
        groups: (K,), 0, 1, ..., none left out.
        sealed: associations to seal, met up to the size of a group.
        held_out: associations that all folds hold out together, the rest being `TRAIN_ONLY`;
            None for all.
        even_large_groups: seal a group even where it overshoots ``sealed`` by far. False passes
            over a group that would: one column may hold a seventh of all associations.
    """
    part = np.full(len(groups), TRAIN_ONLY, dtype=np.int64)
    n_sealed = 0
    sizes = np.zeros(folds, dtype=np.int64)
    for group in rng.permutation(groups.max() + 1):
        member = np.flatnonzero(groups == group)
        room = sealed - n_sealed
        if room > 0 and (even_large_groups or len(member) < 2 * room):
            part[member] = SEALED
            n_sealed += len(member)
        elif held_out is None or sizes.sum() < held_out:
            smallest = int(sizes.argmin())
            part[member] = smallest
            sizes[smallest] += len(member)
    return part


def single_out(dataset: AssociationDataset, name: str, grouping: Grouping) -> np.ndarray:
    """(K,) part of each association: 0 for those of the named node, `ASIDE` for its twins'.

    Raises:
        InputError: there is no such node, the name is one of either side, or it has no association.
    """
    side = side_of(dataset, name)
    labels = _labels(dataset, side, grouping)
    node = (dataset.rows, dataset.columns)[side].index(name)
    nodes = dataset.association_pairs[:, side]
    if node not in nodes:
        raise InputError(
            f"{name!r} has no known association",
            where=dataset.name,
            hint="a case study looks for known associations; take a node that has some",
        )
    twins = [row for row, label in enumerate(labels) if label == labels[node]]
    part = np.where(np.isin(nodes, twins), ASIDE, TRAIN_ONLY)
    part[nodes == node] = 0
    return part


def side_of(dataset: AssociationDataset, name: str) -> int:
    """0 if the name is a row's, 1 if a column's.

    Raises:
        InputError: it is neither's, or both's.
    """
    sides = [i for i, names in enumerate((dataset.rows, dataset.columns)) if name in names]
    if len(sides) == 2:
        raise InputError(
            f"{name!r} names {dataset.kinds[0].one} and {dataset.kinds[1].one}",
            where=dataset.name,
            hint="rename one",
        )
    if sides:
        return sides[0]
    raise unknown_name(name, dataset.kinds, (dataset.rows, dataset.columns), dataset.name)


def unknown_pairs(dataset: AssociationDataset, of_nodes: np.ndarray | None = None) -> np.ndarray:
    """(2, U) node pairs of all unknown pairs of a row and a column.

    Args:
        of_nodes: numbers of nodes; only pairs with one of them.
    """
    pairs = to_node_pairs(np.argwhere(dataset.associations == 0), len(dataset.rows))
    return pairs if of_nodes is None else pairs[:, np.isin(pairs, of_nodes).any(axis=0)]


def random_node_pairs(
    dataset: AssociationDataset, count: int, rng: np.random.Generator
) -> np.ndarray:
    """(2, count) distinct node pairs, lower node first, none of them a known association."""
    n_nodes = len(dataset.rows) + len(dataset.columns)
    free = np.triu(np.ones((n_nodes, n_nodes), dtype=bool), k=1)
    free[tuple(to_node_pairs(dataset.association_pairs, len(dataset.rows)))] = False
    candidates = np.argwhere(free)
    return candidates[rng.choice(len(candidates), size=count, replace=False)].T
