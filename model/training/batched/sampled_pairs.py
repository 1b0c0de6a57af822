"""Sampled pairs of every replica.

Shape legend: B replicas, M rows, S columns, N nodes, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from model.network.masks.interface import Mask
from model.network.sampled_pairs import SampledPairsConfig
from model.training.batched.associations import TrainingAssociations


@dataclass(frozen=True, eq=False)
class SampledPairs:
    """The pairs that count as unknown in the loss; see `Mask` for the shapes.

    ``every_pair`` says that the P pairs are the M * S pairs of the block, in its order.
    """

    first: Tensor
    second: Tensor
    weight: Tensor
    every_pair: bool = False


class PairSampler:
    """Draws unknown pairs uniformly, with replacement.

    A draw that hits a training association gets weight 0. The others are then uniform over the
    unknown pairs, without a list of them.
    """

    def __init__(self, config: SampledPairsConfig, associations: TrainingAssociations) -> None:
        self.config = config
        self.associations = associations
        self.n_rows = associations.n_rows
        self.n_columns = associations.n_columns
        self.n_nodes = associations.n_rows + associations.n_columns
        self._all = self._every() if config.per_association == "all" else None

    def draw(self, mask: Mask, generator: Generator) -> SampledPairs:
        """Pairs for each masked one; those for an unused place have weight 0."""
        if self._all is not None:
            return self._all
        per_association = self.config.per_association
        assert per_association != "all"
        weight = mask.weight.repeat(1, per_association)
        device = weight.device
        draws = torch.rand((2, *weight.shape), generator=generator, device=device)
        if self.config.scheme == "bipartite":
            sizes = (self.n_rows, self.n_columns)
        else:
            sizes = (self.n_nodes, self.n_nodes)
        one, other = (
            (draw * size).to(torch.int64).clamp(max=size - 1)
            for draw, size in zip(draws, sizes, strict=True)
        )
        if self.config.scheme == "bipartite":
            other = other + self.n_rows
        return self.unknown(torch.minimum(one, other), torch.maximum(one, other), weight)

    def unknown(self, first: Tensor, second: Tensor, weight: Tensor) -> SampledPairs:
        """Given pairs (B, P), lower node first, without those that are no unknown pair."""
        crosses = (first < self.n_rows) & (second >= self.n_rows)
        # `masked_fill`, because `torch.where` copies the number to the device and waits for that.
        code = first * self.n_columns + (second - self.n_rows)
        code = code.masked_fill(~crosses, 0)
        known = self.associations.is_known(code) & crosses
        return SampledPairs(first, second, weight * (~known & (first != second)))

    def _every(self) -> SampledPairs:
        replicas, device = len(self.associations.valid), self.associations.valid.device
        if self.config.scheme == "bipartite":
            nodes = torch.arange(self.n_nodes, device=device)
            first = nodes[: self.n_rows].repeat_interleave(self.n_columns)
            second = nodes[self.n_rows :].repeat(self.n_rows)
            pairs = (first.expand(replicas, -1), second.expand(replicas, -1))
            code = torch.arange(len(first), device=device).expand(replicas, -1)
            weight = (~self.associations.is_known(code)).to(torch.float32)
            return SampledPairs(*pairs, weight, every_pair=True)
        first, second = torch.triu_indices(self.n_nodes, self.n_nodes, 1, device=device)
        weight = torch.ones((replicas, len(first)), device=device)
        return self.unknown(first.expand(replicas, -1), second.expand(replicas, -1), weight)
