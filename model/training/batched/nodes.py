"""What a layer reads of every node of every replica: `model.network.graph.Nodes`, twice.

Shape legend: B replicas, M rows, S columns, n nodes of one side, N = M + S, F features
per node, w of one block, D and H dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from model.network.dropout import dropout
from model.network.graph import VisibleGraph, neighbour_sum


@dataclass(frozen=True, eq=False)
class Block:
    """Features that are not padding: (n, w) shared or (B, n, w), from column ``start`` on."""

    values: Tensor
    start: int

    def weights(self, of_all: Tensor) -> Tensor:
        """(B, H, w) part of a first layer's weights (B, H, F) that reads this block."""
        return of_all[:, :, self.start : self.start + self.values.shape[-1]]


@dataclass(frozen=True, eq=False)
class SideFeatures:
    """The features of one side's nodes, as blocks that lie side by side."""

    blocks: tuple[Block, ...]

    def dropped(self, rate: float, replicas: int, generator: Generator) -> SideFeatures:
        """With dropout, a mask for each replica."""
        return SideFeatures(
            tuple(
                Block(dropout(block.values, rate, generator, replicas), block.start)
                for block in self.blocks
            )
        )

    def linear(self, weight: Tensor) -> Tensor:
        """(B, n, H): the features times weights (B, H, F)."""
        return _sum([block.values @ block.weights(weight).mT for block in self.blocks])


@dataclass(frozen=True, eq=False)
class Features:
    """The features of both sides, which the first layer reads."""

    row: SideFeatures
    column: SideFeatures

    def dropped(self, rate: float, replicas: int, generator: Generator | None) -> Features:
        """With dropout, a mask for each replica; as they are without a generator."""
        if generator is None or rate == 0:
            return self
        return Features(
            self.row.dropped(rate, replicas, generator),
            self.column.dropped(rate, replicas, generator),
        )

    def linear(self, weight: Tensor) -> Tensor:
        return torch.cat((self.row.linear(weight), self.column.linear(weight)), dim=1)

    def aggregated(self, aggregate: Callable[[Tensor], Tensor], weight: Tensor) -> Tensor:
        return aggregate(self.linear(weight))

    def summed(self, graph: VisibleGraph, weight: Tensor) -> Tensor:
        # Few columns and wide features of many rows: those are summed first.
        to_columns = [
            torch.bmm(graph.to_columns(block.values), block.weights(weight).mT)
            for block in self.row.blocks
        ]
        to_rows = graph.to_rows(self.column.linear(weight))
        return torch.cat((to_rows, _sum(to_columns)), dim=1)


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The embeddings (B, N, D) of the layer before."""

    z: Tensor

    def dropped(self, rate: float, replicas: int, generator: Generator | None) -> Embeddings:
        """With dropout; as they are without a generator."""
        if generator is None or rate == 0:
            return self
        return Embeddings(dropout(self.z, rate, generator))

    def linear(self, weight: Tensor) -> Tensor:
        return torch.bmm(self.z, weight.mT)

    def aggregated(self, aggregate: Callable[[Tensor], Tensor], weight: Tensor) -> Tensor:
        if self.z.shape[2] < weight.shape[1]:
            return torch.bmm(aggregate(self.z), weight.mT)
        return aggregate(self.linear(weight))

    def summed(self, graph: VisibleGraph, weight: Tensor) -> Tensor:
        return torch.bmm(neighbour_sum(graph, self.z), weight.mT)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
