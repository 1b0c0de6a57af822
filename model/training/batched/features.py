"""Features of every node of every replica, without the zeros that pad the narrower side.

Shape legend: B replicas, n nodes of one side.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize

from model.data.similarities import Similarities
from model.network.features import FeatureConfig, NodeFeatures
from model.network.gip import gip_kernels
from model.network.graph import VisibleGraph
from model.training.batched.nodes import Block, Features, SideFeatures


class BatchedFeatures:
    """`model.network.features.NodeFeatures` of all replicas."""

    def __init__(self, config: FeatureConfig, similarities: Similarities) -> None:
        self.config = config
        plain = NodeFeatures(config, similarities)
        self.width, self._gip_start = plain.width, plain.static.shape[1]
        n_rows = similarities.n_rows
        self._static = tuple(
            Block(side[:, : own.shape[1]].contiguous(), 0)
            for side, own in (
                (plain.static[:n_rows], similarities.row),
                (plain.static[n_rows:], similarities.column),
            )
        )

    def __call__(self, graph: VisibleGraph) -> Features:
        """Of the visible associations."""
        if self.config.associations == "none":
            return Features(*(SideFeatures((static,)) for static in self._static))
        profiles = (graph.block, graph.block.mT)
        kernels = (
            Block(self._transformed(gip_kernels(side)), self._gip_start) for side in profiles
        )
        sides = zip(self._static, kernels, strict=True)
        return Features(*(SideFeatures(blocks) for blocks in sides))

    def _transformed(self, kernel: Tensor) -> Tensor:
        """(B, n, n) GIP kernels, transformed as `FeatureConfig.transform` says."""
        if self.config.transform == "centred":
            return kernel - kernel.mean(dim=1, keepdim=True)
        if self.config.transform == "l2":
            return normalize(kernel, dim=-1)
        return kernel
