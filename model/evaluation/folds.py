"""What a protocol is made of, and the folds that it gives.

Shape legend: T training associations, H held-out associations, U pairs they are ranked against.
A node pair numbers the nodes rows first: column j is node M + j.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.kinds import Kinds, in_words_of
from model.data.similarity.absence import meaning_of_absence
from model.errors import InputError
from model.evaluation.metrics.ranked import Balance
from model.evaluation.protocol_names import earlier_name, todays_name
from model.evaluation.splits import (
    ASIDE,
    SEALED,
    Grouping,
    RankedAgainst,
    SplitBy,
    association_groups,
    deal_out,
    random_node_pairs,
    side_of,
    single_out,
    to_node_pairs,
    unknown_pairs,
)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named way to measure.

    Args:
        name: goes with every score that it produced. A protocol that differs in anything below
            needs another name: the splits follow from it.
        meaning: what its score means, and does not mean. ``{row}``, ``{rows}``, ``{column}`` and
            ``{columns}`` in it are the data's words, see `in_words_of`.
        folds: number of development folds.
        sealed_fraction: fraction of the associations set apart before the folds are made; only
            the confirmation step may open them.
        held_out_fraction: fraction of the associations that one fold alone holds out; None where
            the folds hold out all of them, each its share.
        split_by: what goes into one part as a whole: an association, everything of a row,
            everything of a column, or everything of the one ``node``.
        grouping: which names are near-copies and share a part: precursors of one mature miRNA, on
            whichever side they are ("precursors"; "mature": rows alone, spelt plainly), none, or
            (name, group) pairs of your own. With ``split_by`` "association" it is the associations
            of such twins with the same other thing that stay together.
        ranked_against: every unknown pair of a row and a column; those of the held-out nodes only;
            those of two nodes that each have a training association, which held-out associations
            then must have too; or as many random node pairs as there are held-out associations.
        balance: "1:1" or "as is": the weight of associations to other pairs in all metrics but
            the AUC, see `model/evaluation/metrics/table.py`.
        node: name of the row or column of a case study.
    """

    name: str
    meaning: str
    folds: int = 5
    sealed_fraction: float = 0.0
    held_out_fraction: float | None = None
    split_by: SplitBy = "association"
    grouping: Grouping = "none"
    ranked_against: RankedAgainst = "unknown pairs"
    balance: Balance = "1:1"
    node: str | None = None

    def __post_init__(self) -> None:
        if (self.node is None) != (self.split_by != "node"):
            raise ValueError("a node is given if and only if the split is by node")
        whole = self.node is None and self.held_out_fraction is None
        if self.folds < 1 or (whole == (self.folds == 1)):
            raise ValueError(
                f"{self.folds} folds: 2 or more hold out everything between them, one holds out"
                " held_out_fraction or a node"
            )
        if not 0 <= self.sealed_fraction + (self.held_out_fraction or 0) < 1:
            raise ValueError("sealed_fraction and held_out_fraction leave nothing to train on")

    def in_words_of(self, kinds: Kinds) -> Protocol:
        """With a meaning that calls rows and columns what the data call them."""
        return replace(self, meaning=in_words_of(self.meaning, kinds))

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Protocol:
        """The protocol of a record, whose words may be those of an earlier version.

        Args:
            values: what `dataclasses.asdict` gave, through JSON.
        """
        grouping, split_by = values["grouping"], values["split_by"]
        if not isinstance(grouping, str):
            grouping = tuple((name, group) for name, group in grouping)
        sides = {"mirna": "row", "small molecule": "column"}
        today = {
            "name": todays_name(values["name"]),
            "grouping": grouping,
            "split_by": sides.get(split_by, split_by),
        }
        return cls(**{**values, **today})


@dataclass(frozen=True, eq=False)
class Fold:
    """What one model trains on and what it is measured on.

    Shapes: train_pairs (T, 2), (row index, column index); train_groups (T,), equal for
    associations that must stay together when the training part is split again; held_out (2, H) and
    ranked_against (2, U), node pairs. ``balance`` is the protocol's.
    """

    train_pairs: np.ndarray
    train_groups: np.ndarray
    held_out: np.ndarray
    ranked_against: np.ndarray
    balance: Balance = "1:1"


def development_folds(
    dataset: AssociationDataset, protocol: Protocol, seed: int
) -> tuple[Fold, ...]:
    """The folds a study may see. The sealed part is in none of them.

    Sealed associations are neither trained on nor ranked: counting them as unknown would punish
    the model that finds them.

    Raises:
        InputError: there are too few associations, or the protocol's node is not in the data.
    """
    part, groups, rng = _partition(dataset, protocol, seed)
    return tuple(
        _fold(dataset, protocol, rng, groups, ~np.isin(part, (SEALED, ASIDE, k)), part == k)
        for k in range(protocol.folds)
    )


def sealed_fold(dataset: AssociationDataset, protocol: Protocol, seed: int) -> Fold:
    """The sealed part as a fold: train on all development associations, rank the sealed ones.

    Opening it is a deliberate act of the confirmation step; nothing may be chosen by its score.

    Raises:
        InputError: the protocol seals nothing.
    """
    part, groups, rng = _partition(dataset, protocol, seed)
    if not (part == SEALED).any():
        raise InputError(
            f"the protocol {protocol.name!r} has no sealed part",
            where=dataset.name,
            hint="`honest` has one",
        )
    return _fold(dataset, protocol, rng, groups, part != SEALED, part == SEALED)


def development_pairs(dataset: AssociationDataset, protocol: Protocol, seed: int) -> np.ndarray:
    """(T, 2) all associations outside the sealed part: what a final model trains on."""
    part, _, _ = _partition(dataset, protocol, seed)
    pairs: np.ndarray = dataset.association_pairs[part != SEALED]
    return pairs


def everything(dataset: AssociationDataset, protocol: Protocol) -> Fold:
    """A fold that trains on all associations of the data and holds none out.

    It is for what scores every pair, a baseline that is handed out. Of a network without its sealed
    associations it trains on the others.
    """
    none = np.empty((2, 0), dtype=np.int64)
    groups = association_groups(dataset, protocol.split_by, protocol.grouping)
    return Fold(dataset.association_pairs, groups, none, none, protocol.balance)


def _partition(
    dataset: AssociationDataset, protocol: Protocol, seed: int
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Part of each association (see `model/evaluation/splits.py`), its group, and the generator."""
    _check_new_ones_are_known(dataset, protocol)
    key = f"{dataset.content_hash}/{earlier_name(protocol.name)}/{seed}"
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
    groups = association_groups(dataset, protocol.split_by, protocol.grouping)
    if protocol.node is not None:
        return single_out(dataset, protocol.node, protocol.grouping), groups, rng
    fraction = protocol.held_out_fraction
    part = deal_out(
        groups,
        rng,
        folds=protocol.folds,
        sealed=round(protocol.sealed_fraction * len(groups)),
        held_out=None if fraction is None else round(fraction * len(groups)),
        even_large_groups=protocol.split_by == "association",
    )
    if len(np.unique(part[part >= 0])) < protocol.folds:
        raise InputError(
            f"{groups.max() + 1} groups of associations do not fill {protocol.folds} folds",
            where=dataset.name,
            hint="more associations are needed",
        )
    return part, groups, rng


def _fold(
    dataset: AssociationDataset,
    protocol: Protocol,
    rng: np.random.Generator,
    groups: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray,
) -> Fold:
    pairs = dataset.association_pairs
    held_out_pairs = to_node_pairs(pairs[held_out], len(dataset.rows))
    if protocol.ranked_against == "node pairs":
        against = random_node_pairs(dataset, held_out_pairs.shape[1], rng)
    elif protocol.ranked_against == "unknown pairs":
        against = unknown_pairs(dataset)
    elif protocol.ranked_against == "unknown pairs of training nodes":
        seen = to_node_pairs(pairs[train], len(dataset.rows))
        held_out_pairs = _of_two(held_out_pairs, seen)
        against = _of_two(unknown_pairs(dataset), seen)
    else:
        against = unknown_pairs(dataset, of_nodes=held_out_pairs[_cold_side(dataset, protocol)])
    if not against.size:
        raise InputError(
            f"a fold of {protocol.name!r} has no unknown pair to rank its associations against",
            where=dataset.name,
        )
    if not held_out_pairs.size:
        raise InputError(
            f"a fold of {protocol.name!r} holds out no association of two things that have one in"
            " training",
            where=dataset.name,
            hint="things with more associations are needed; or take `honest`",
        )
    return Fold(
        train_pairs=pairs[train],
        train_groups=groups[train],
        held_out=held_out_pairs,
        ranked_against=against,
        balance=protocol.balance,
    )


def _of_two(node_pairs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(2, P'): the node pairs of which both ends are among those of the seen ones."""
    return node_pairs[:, np.isin(node_pairs, seen).all(axis=0)]


def _check_new_ones_are_known(dataset: AssociationDataset, protocol: Protocol) -> None:
    """Raise where nothing but associations is known of things that have none in training."""
    if protocol.split_by == "association":
        return
    side = _cold_side(dataset, protocol)
    if meaning := meaning_of_absence(dataset, side):
        raise InputError(
            f"{meaning}, so {protocol.name} means nothing here",
            where=dataset.name,
            hint=f"give a {dataset.kinds[side].similarity} (`mmatune data similarity` makes one),"
            " or take another protocol, such as `honest`",
        )


def _cold_side(dataset: AssociationDataset, protocol: Protocol) -> int:
    """0 where whole rows are held out, 1 where columns are."""
    if protocol.node is not None:
        return side_of(dataset, protocol.node)
    return 0 if protocol.split_by == "row" else 1
