"""What the masking schemes share: from what is hidden to what the encoder and decoder read.

Shape legend: B replicas, K or T training associations, N nodes, P places for masked pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from model.network.graph import Associations
from model.network.masks.interface import Mask, MaskedGraph

# Places for a mask this many standard deviations above its mean. One epoch in 700 masks more: then
# a random part of them, as many as there are places, is decoded.
_SIGMAS = 3


def bernoulli(rate: float, pairs: Tensor) -> Tensor:
    """(K,) bool, each true with probability ``rate``, from torch's global generator."""
    return torch.rand(pairs.shape[1], device=pairs.device) < rate


def hide(pairs: Tensor, hidden: Tensor, n_nodes: int) -> MaskedGraph:
    """Mask the associations (2, K) that are marked in (K,), in both directions."""
    masked = pairs[:, hidden]
    return MaskedGraph(
        visible=both_directions(pairs[:, ~hidden], n_nodes),
        masked=masked,
        masked_degree=torch.bincount(masked.flatten(), minlength=n_nodes).to(torch.float32),
    )


def both_directions(pairs: Tensor, n_nodes: int) -> Tensor:
    """(2, E) sorted edge index with both directions of every pair, each once."""
    from torch_geometric.utils import to_undirected  # see `model.network.encoders.kinds`

    edges: Tensor = to_undirected(pairs, num_nodes=n_nodes)
    return edges


def uniform(associations: Associations, generator: Generator) -> Tensor:
    """(B, T) uniform numbers."""
    valid = associations.valid
    return torch.rand(valid.shape, generator=generator, device=valid.device)


def bernoulli_places(associations: Associations, rate: float) -> int:
    """How many places a Bernoulli mask gets."""
    longest = associations.valid.shape[1]
    bound = longest * rate + _SIGMAS * math.sqrt(longest * rate * (1 - rate))
    return min(longest, math.ceil(bound) + 1)


def mask_below(
    associations: Associations, draws: Sequence[Tensor], rate: float, places: int
) -> Mask:
    """The mask of given numbers (B, T): what is below the rate is masked.

    Args:
        draws: one for both directions of an association; or one for the direction to the
            column and one for that to the row, and an association with one of them is visible.
        places: for each draw.
    """
    hidden = [(draw < rate) & associations.valid for draw in draws]
    both = hidden[0] if len(hidden) == 1 else hidden[0] & hidden[1]
    chosen = [_places(associations, draw, rate, places) for draw in draws]
    position = torch.cat([index for index, _ in chosen], dim=1)
    weight = torch.cat([weight for _, weight in chosen], dim=1)
    # A direction counts at the node it points to; an association at both of its nodes.
    to_columns, to_rows = (hidden[0], hidden[-1])
    degree_M = torch.zeros((len(both), associations.n_rows), device=both.device)
    degree_S = torch.zeros((len(both), associations.n_columns), device=both.device)
    degree_M.scatter_add_(1, associations.row, to_rows.to(degree_M.dtype))
    degree_S.scatter_add_(1, associations.column, to_columns.to(degree_S.dtype))
    return Mask(
        visible=associations.visible(associations.valid & ~both),
        first=associations.row.gather(1, position),
        second=associations.column.gather(1, position) + associations.n_rows,
        weight=weight,
        masked_degree=torch.cat((degree_M, degree_S), dim=1),
    )


def _places(
    associations: Associations, draw: Tensor, rate: float, places: int
) -> tuple[Tensor, Tensor]:
    """(B, P) positions of the smallest numbers, with weight 1 where they are masked."""
    draw = draw.masked_fill(~associations.valid, 2.0)
    smallest, position = draw.topk(places, dim=1, largest=False, sorted=False)
    return position, (smallest < rate).to(torch.float32)
