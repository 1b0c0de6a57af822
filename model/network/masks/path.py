"""Associations that random walks cross are masked (MaskGAE, Li et al. 2023).

Each node starts a walk with probability p.

Shape legend: B replicas, K or T training associations, N nodes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

from model.network.graph import Associations
from model.network.masks.hiding import hide, mask_below
from model.network.masks.interface import Mask, MaskedGraph, MaskKind


def _plain(pairs: Tensor, n_nodes: int, rate: float, walk_length: int) -> MaskedGraph:
    adjacency = torch.zeros((n_nodes, n_nodes), device=pairs.device)
    adjacency[pairs[0], pairs[1]] = 1
    adjacency = adjacency + adjacency.T
    starts = torch.rand(n_nodes, device=pairs.device) < rate
    at = (starts & (adjacency.sum(dim=1) > 0)).nonzero().squeeze(1)
    crossed = torch.zeros_like(adjacency, dtype=torch.bool)
    for _ in range(walk_length):
        if len(at) == 0:
            break
        following = torch.multinomial(adjacency[at], 1).squeeze(1)
        crossed[at, following] = True
        at = following
    hidden = crossed[pairs[0], pairs[1]] | crossed[pairs[1], pairs[0]]
    return hide(pairs, hidden, n_nodes)


def _batched(
    associations: Associations, rate: float, walk_length: int
) -> Callable[[Generator], Mask]:
    walks = _Walks(associations)
    places = associations.valid.shape[1]  # walks may cross every association

    def draw(generator: Generator) -> Mask:
        crossed = walks.draw(rate, walk_length, generator)
        return mask_below(associations, [2 * (~crossed).to(torch.float32)], rate, places)

    return draw


PATH = MaskKind(_plain, _batched)


class _Walks:
    """Random walks over the training associations of every replica.

    The neighbours of a node lie side by side in ``following`` (B, 2 T), from ``start`` (B, N) on;
    ``crossing`` (B, 2 T) is which association leads there.
    """

    def __init__(self, associations: Associations) -> None:
        rows, columns, valid = (
            tensor.cpu().numpy()
            for tensor in (associations.row, associations.column, associations.valid)
        )
        n_replicas, longest = valid.shape
        n_nodes = associations.n_rows + associations.n_columns
        start = np.zeros((n_replicas, n_nodes), dtype=np.int64)
        degree = np.zeros((n_replicas, n_nodes), dtype=np.int64)
        following = np.zeros((n_replicas, 2 * longest), dtype=np.int64)
        crossing = np.zeros((n_replicas, 2 * longest), dtype=np.int64)
        for replica in range(n_replicas):
            edges = np.flatnonzero(valid[replica])
            ends = rows[replica, edges], columns[replica, edges] + associations.n_rows
            sources = np.concatenate(ends)
            order = np.argsort(sources, kind="stable")
            degree[replica] = np.bincount(sources, minlength=n_nodes)
            start[replica] = np.concatenate(([0], np.cumsum(degree[replica])[:-1]))
            following[replica, : len(order)] = np.concatenate(ends[::-1])[order]
            crossing[replica, : len(order)] = np.concatenate((edges, edges))[order]
        # A node without associations may start at the very end; it never walks.
        start = np.minimum(start, max(2 * longest - 1, 0))
        device = associations.valid.device
        self.start, self.degree, self.following, self.crossing = (
            torch.as_tensor(array, device=device) for array in (start, degree, following, crossing)
        )

    def draw(self, rate: float, walk_length: int, generator: Generator) -> Tensor:
        """(B, T) bool: the associations that a walk from some starting node crosses."""

        def uniform() -> Tensor:
            return torch.rand(self.start.shape, generator=generator, device=self.start.device)

        walking = ((uniform() < rate) & (self.degree > 0)).to(torch.int64)
        at = torch.arange(self.start.shape[1], device=self.start.device).expand_as(self.start)
        crossed = torch.zeros(
            (len(self.start), self.following.shape[1] // 2),
            dtype=torch.int64,
            device=self.start.device,
        )
        for _ in range(walk_length):
            choices = self.degree.gather(1, at)
            step = (uniform() * choices).to(torch.int64)  # may round up to the number of choices
            position = self.start.gather(1, at) + torch.minimum(step, (choices - 1).clamp(min=0))
            crossed.scatter_add_(1, self.crossing.gather(1, position), walking)
            at = self.following.gather(1, position)
        return crossed > 0
