"""Fresh splits: the development associations of a study, dealt out anew.

The confirmation step measures a study's best configurations on them. Fresh splits are not fresh
data: they are new partitions of the very associations that the search has seen, so they take the
luck of one split and one seed out of a score, but not that of the associations as a whole. Only the
sealed part can do that.

Shape legend: T development associations, H sealed associations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.protocols import (
    Fold,
    Protocol,
    development_folds,
    development_pairs,
    to_node_pairs,
)


@dataclass(frozen=True, eq=False)
class DevelopmentPart:
    """What may be known of a study's data before its sealed part is opened.

    Shapes: dataset, the network without its sealed associations; never_ranked (H, 2), pairs that
    are neither trained on nor ranked: as unknown pairs they would punish who finds them.
    """

    dataset: AssociationDataset
    never_ranked: np.ndarray


def development_part(dataset: AssociationDataset, protocol: Protocol, seed: int) -> DevelopmentPart:
    """Erase a study's sealed associations from its data.

    Args:
        protocol: the study's, with its ``seed``: they say what is sealed.
    """
    known = np.zeros_like(dataset.associations)
    known[tuple(development_pairs(dataset, protocol, seed).T)] = 1
    sealed = np.argwhere((dataset.associations == 1) & (known == 0))
    return DevelopmentPart(replace(dataset, associations=known), sealed)


def fresh_folds(part: DevelopmentPart, protocol: Protocol, seed: int) -> tuple[Fold, ...]:
    """A new random partition of the development associations into folds of the same kind.

    Grouping, number of folds and what is ranked against are the protocol's. Depends on nothing but
    the development part, the protocol and the seed. Where the protocol draws random node pairs, a
    fold may have a few pairs less than associations: sealed ones that were drawn are left out.

    Raises:
        InputError: the protocol has one split only, a case study's.
    """
    if protocol.node is not None:
        raise InputError(
            f"the protocol {protocol.name!r} has one split and no other",
            where="protocol",
            hint="confirm a study under `honest` or another protocol with random folds",
        )
    held_out = protocol.held_out_fraction
    left = 1 - protocol.sealed_fraction
    whole = replace(
        protocol,
        name=f"{protocol.name}, fresh",
        sealed_fraction=0.0,
        held_out_fraction=None if held_out is None else held_out / left,
    )
    hidden = to_node_pairs(part.never_ranked, len(part.dataset.rows))
    return tuple(
        replace(fold, ranked_against=_without(fold.ranked_against, hidden))
        for fold in development_folds(part.dataset, whole, seed)
    )


def _without(pairs: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """(2, U) node pairs without the hidden ones; both have the lower node first."""
    width = 1 + max(pairs.max(initial=0), hidden.max(initial=0))
    return pairs[:, ~np.isin(pairs[0] * width + pairs[1], hidden[0] * width + hidden[1])]
