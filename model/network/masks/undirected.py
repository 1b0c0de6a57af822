"""Each association is masked with probability p, in both directions: equation 7 as written."""

from __future__ import annotations

from collections.abc import Callable

from torch import Generator, Tensor

from model.network.graph import Associations
from model.network.masks.hiding import bernoulli, bernoulli_places, hide, mask_below, uniform
from model.network.masks.interface import Mask, MaskedGraph, MaskKind


def _plain(pairs: Tensor, n_nodes: int, rate: float, walk_length: int) -> MaskedGraph:
    return hide(pairs, bernoulli(rate, pairs), n_nodes)


def _batched(
    associations: Associations, rate: float, walk_length: int
) -> Callable[[Generator], Mask]:
    places = bernoulli_places(associations, rate)

    def draw(generator: Generator) -> Mask:
        return mask_below(associations, [uniform(associations, generator)], rate, places)

    return draw


UNDIRECTED = MaskKind(_plain, _batched)
