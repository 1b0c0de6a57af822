"""Features of every node of every replica, without the zeros that pad the narrower side.

Shape legend: B replicas, M miRNAs, S small molecules, n nodes of one side, F features per node.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from model.data.similarities import Similarities
from model.network.features import FeatureConfig, NodeFeatures
from model.training.batched.dropout import dropout
from model.training.batched.graph import AnyVisibleGraph, VisibleGraph


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

    def dropped(self, rate: float, replicas: int, generator: Generator | None) -> SideFeatures:
        """With dropout, a mask for each replica; as they are without a generator."""
        if generator is None or rate == 0:
            return self
        return SideFeatures(
            tuple(
                Block(dropout(block.values, rate, generator, replicas), block.start)
                for block in self.blocks
            )
        )

    def linear(self, weight: Tensor) -> Tensor:
        """(B, n, H): the features times weights (B, H, F)."""
        parts = [block.values @ block.weights(weight).mT for block in self.blocks]
        return parts[0] if len(parts) == 1 else sum(parts[1:], parts[0])


class BatchedFeatures:
    """`model.network.features.NodeFeatures` of all replicas: (miRNA side, small-molecule side)."""

    def __init__(self, config: FeatureConfig, similarities: Similarities) -> None:
        self.config = config
        plain = NodeFeatures(config, similarities)
        self.width, self._gip_start = plain.width, plain.static.shape[1]
        n_mirnas = similarities.n_mirnas
        self._static = tuple(
            Block(side[:, : own.shape[1]].contiguous(), 0)
            for side, own in (
                (plain.static[:n_mirnas], similarities.mirna),
                (plain.static[n_mirnas:], similarities.small_molecule),
            )
        )

    def __call__(self, graph: AnyVisibleGraph) -> tuple[SideFeatures, SideFeatures]:
        """Of the visible associations."""
        if self.config.associations == "none":
            mirna, small_molecule = (SideFeatures((static,)) for static in self._static)
            return mirna, small_molecule
        assert isinstance(graph, VisibleGraph)  # checked by the trainer
        mirna, small_molecule = (
            SideFeatures((static, Block(self._transformed(gip_kernels(profiles)), self._gip_start)))
            for static, profiles in zip(self._static, (graph.block, graph.block.mT), strict=True)
        )
        return mirna, small_molecule

    def _transformed(self, kernel: Tensor) -> Tensor:
        if self.config.transform == "centred":
            return kernel - kernel.mean(dim=1, keepdim=True)
        if self.config.transform == "l2":
            return normalize(kernel, dim=-1)
        return kernel


def gip_kernels(profiles: Tensor) -> Tensor:
    """`model.network.features.gip_kernel` of each replica: (B, n, d) 0/1 -> (B, n, n)."""
    squared = profiles.sum(dim=2)  # of 0s and 1s: the sum is the sum of squares
    mean = squared.mean(dim=1).clamp(min=1e-12)[:, None, None]
    # Whole numbers all the way: the distance is exact, and never below 0.
    distance = torch.baddbmm(
        squared[:, :, None] + squared[:, None, :], profiles, profiles.mT, alpha=-2
    )
    return torch.exp_(distance.div_(-mean))
