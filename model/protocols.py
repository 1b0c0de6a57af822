"""Protocols: how associations are split, and what held-out ones are ranked against.

A score means nothing without its protocol, so scores of different protocols are never ranked
together. Splits depend on nothing but (data, protocol, seed).

Shape legend: T training associations, H held-out associations, U pairs they are ranked against.
A node pair numbers the nodes miRNAs first: small molecule j is node M + j.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.datasets import AssociationDataset
from model.errors import InputError
from model.names import mature_name


@dataclass(frozen=True)
class Protocol:
    """A named way to measure.

    Args:
        name: goes with every score that it produced.
        meaning: what its score means, and does not mean.
        folds: number of development folds.
        sealed_fraction: fraction of the associations set apart before the folds are made; only
            the confirmation step may open them.
        grouped: keep associations of precursors of one mature miRNA with the same small molecule
            in one part, for they are near-copies of each other.
        ranked_against: every unknown miRNA-small molecule pair, or as many random node pairs as
            there are held-out associations.
    """

    name: str
    meaning: str
    folds: int
    sealed_fraction: float
    grouped: bool
    ranked_against: Literal["unknown pairs", "node pairs"]


HONEST = Protocol(
    name="honest",
    meaning="How well held-out associations rank among all unknown miRNA-small molecule pairs."
    " Twins of one mature miRNA never cross folds. Both sides have been seen in training: it says"
    " nothing about a new miRNA or a new small molecule.",
    folds=5,
    sealed_fraction=0.1,
    grouped=True,
    ranked_against="unknown pairs",
)
PAPER = Protocol(
    name="paper",
    meaning="The publication's measure: held-out associations against as many pairs drawn from all"
    " node pairs. Most of those are two miRNAs and could never be associated, so the score is far"
    " higher than a user of the ranking would see.",
    folds=5,
    sealed_fraction=0.0,
    grouped=False,
    ranked_against="node pairs",
)
PROTOCOLS = {protocol.name: protocol for protocol in (HONEST, PAPER)}


def protocol(name: str) -> Protocol:
    """Look a protocol up; raises InputError that lists the names."""
    if name not in PROTOCOLS:
        names = ", ".join(PROTOCOLS)
        raise InputError(f"unknown protocol {name!r}", where="protocol", hint=f"one of: {names}")
    return PROTOCOLS[name]


@dataclass(frozen=True, eq=False)
class Fold:
    """What one model trains on and what it is measured on.

    Shapes: train_pairs (T, 2), (miRNA index, small molecule index); train_groups (T,), equal for
    associations that must stay together when the training part is split again; held_out (2, H) and
    ranked_against (2, U), node pairs.
    """

    train_pairs: np.ndarray
    train_groups: np.ndarray
    held_out: np.ndarray
    ranked_against: np.ndarray


def development_folds(
    dataset: AssociationDataset, protocol: Protocol, seed: int
) -> tuple[Fold, ...]:
    """The folds a study may see. The sealed part is in none of them.

    Sealed associations are neither trained on nor ranked: counting them as unknown would punish
    the model that finds them.
    """
    part, groups, rng = _partition(dataset, protocol, seed)
    return tuple(
        _fold(dataset, protocol, rng, groups, (part >= 0) & (part != k), part == k)
        for k in range(protocol.folds)
    )


def sealed_fold(dataset: AssociationDataset, protocol: Protocol, seed: int) -> Fold:
    """The sealed part as a fold: train on all development associations, rank the sealed ones.

    Opening it is a deliberate act of the confirmation step; nothing may be chosen by its score.
    """
    part, groups, rng = _partition(dataset, protocol, seed)
    return _fold(dataset, protocol, rng, groups, part >= 0, part == _SEALED)


def development_pairs(dataset: AssociationDataset, protocol: Protocol, seed: int) -> np.ndarray:
    """(T, 2) all associations outside the sealed part: what a final model trains on."""
    part, _, _ = _partition(dataset, protocol, seed)
    return dataset.association_pairs[part >= 0]


def to_node_pairs(pairs: np.ndarray, n_mirnas: int) -> np.ndarray:
    """(P, 2) index pairs as (2, P) node pairs."""
    return (pairs + [0, n_mirnas]).T


_SEALED = -1


def _partition(
    dataset: AssociationDataset, protocol: Protocol, seed: int
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Part of each association (-1 sealed, else its fold), its group, and the generator."""
    key = f"{dataset.content_hash}/{protocol.name}/{seed}"
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
    groups = _groups(dataset, protocol)
    members = [np.flatnonzero(groups == g) for g in rng.permutation(groups.max() + 1)]
    part = np.empty(len(groups), dtype=np.int64)
    n_sealed = round(protocol.sealed_fraction * len(groups))
    sealed = 0
    sizes = np.zeros(protocol.folds, dtype=np.int64)
    for member in members:
        if sealed < n_sealed:
            part[member] = _SEALED
            sealed += len(member)
        else:
            smallest = int(sizes.argmin())
            part[member] = smallest
            sizes[smallest] += len(member)
    if (sizes == 0).any():
        raise InputError(
            f"{len(members)} groups of associations do not fill {protocol.folds} folds",
            where=dataset.name,
            hint="more associations are needed",
        )
    return part, groups, rng


def _groups(dataset: AssociationDataset, protocol: Protocol) -> np.ndarray:
    pairs = dataset.association_pairs
    if not protocol.grouped:
        return np.arange(len(pairs))
    mature = [mature_name(name) for name in dataset.mirnas]
    keys = [f"{mature[mirna]}\t{molecule}" for mirna, molecule in pairs]
    return np.unique(keys, return_inverse=True)[1]


def _fold(
    dataset: AssociationDataset,
    protocol: Protocol,
    rng: np.random.Generator,
    groups: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray,
) -> Fold:
    n_mirnas = len(dataset.mirnas)
    pairs = dataset.association_pairs
    if protocol.ranked_against == "unknown pairs":
        against = to_node_pairs(np.argwhere(dataset.associations == 0), n_mirnas)
    else:
        against = _random_node_pairs(dataset, int(held_out.sum()), rng)
    return Fold(
        train_pairs=pairs[train],
        train_groups=groups[train],
        held_out=to_node_pairs(pairs[held_out], n_mirnas),
        ranked_against=against,
    )


def _random_node_pairs(
    dataset: AssociationDataset, count: int, rng: np.random.Generator
) -> np.ndarray:
    """(2, count) distinct node pairs, lower node first, none of them a known association."""
    n_nodes = len(dataset.mirnas) + len(dataset.small_molecules)
    free = np.triu(np.ones((n_nodes, n_nodes), dtype=bool), k=1)
    free[tuple(to_node_pairs(dataset.association_pairs, len(dataset.mirnas)))] = False
    candidates = np.argwhere(free)
    return candidates[rng.choice(len(candidates), size=count, replace=False)].T
