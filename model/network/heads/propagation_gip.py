"""The propagation head with association profiles: twelve numbers a pair.

Three are added to the nine of `model.network.heads.propagation`: kernel ridge smoothers over the
mean of similarity and GIP kernel, by row, by column, and by both, one after the other.
The GIP kernel is that of the visible associations, made anew for every mask.

Shape legend: B replicas, M rows, S columns, B_MS the visible associations, n nodes of one
side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.data.similarities import Similarities
from model.network.gip import gip_kernels
from model.network.graph import VisibleGraph
from model.network.heads.interface import HeadKind, HeadOptions
from model.network.heads.propagation import (
    N_NUMBERS,
    BatchedPropagation,
    Propagation,
    PropagationHead,
    batched,
)

_RIDGE_M, _RIDGE_S = 3.0, 0.3


class PropagationGip:
    """The twelve numbers of every pair of one model."""

    def __init__(self, similarities: Similarities, options: HeadOptions) -> None:
        self.propagation = Propagation(similarities, options)
        self.similarities = similarities
        self.ridges = (options.ridge * _RIDGE_M, options.ridge * _RIDGE_S)

    def __call__(self, b_MS: Tensor) -> Tensor:
        """(M, S, 12) for the visible associations (M, S), 0 or 1."""
        by_M = _smoother(self.similarities.row, b_MS, self.ridges[0])
        by_S = _smoother(self.similarities.column, b_MS.T, self.ridges[1])
        added = (by_M @ b_MS, b_MS @ by_S, by_M @ b_MS @ by_S)
        return torch.cat((self.propagation(b_MS), torch.stack(added, dim=-1)), dim=-1)


class BatchedPropagationGip:
    """`PropagationGip` of all replicas: a Cholesky solve for each side instead of a smoother."""

    def __init__(self, similarities: Similarities, options: HeadOptions) -> None:
        self.propagation = BatchedPropagation(similarities, options)
        self.sides = [
            (_positive(similarities.row), options.ridge * _RIDGE_M),
            (_positive(similarities.column), options.ridge * _RIDGE_S),
        ]

    def __call__(self, graph: VisibleGraph) -> Tensor:
        """(B, M, S, 12) for the visible associations."""
        block = graph.block
        by_M = _smoothed(*self.sides[0], block, block)
        by_S = _smoothed(*self.sides[1], block.mT, torch.cat((block, by_M), dim=1).mT).mT
        added = torch.stack((by_M, *by_S.chunk(2, dim=1)), dim=-1)
        return torch.cat((self.propagation(graph), added), dim=-1)


def _smoother(similarity: Tensor, profiles: Tensor, ridge: float) -> Tensor:
    """(n, n) kernel ridge smoother K (K + ridge)^-1 over the mean of both kernels."""
    kernel = (_positive(similarity) + gip_kernels(profiles[None])[0]).double() / 2
    eye = torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)
    smoother: Tensor = torch.linalg.solve(kernel + ridge * eye, kernel)
    return smoother.to(similarity.dtype)


def _smoothed(similarity: Tensor, ridge: float, profiles: Tensor, values: Tensor) -> Tensor:
    """(B, n, d) of the same smoothers for values (B, n, d): V - ridge (K + ridge)^-1 V."""
    regular = (gip_kernels(profiles) + similarity).div_(2)
    regular.diagonal(dim1=1, dim2=2).add_(ridge)
    # Without its check: that would make the host wait. The sum of two kernels and a ridge is
    # positive definite.
    factor = torch.linalg.cholesky_ex(regular).L
    return values - ridge * torch.cholesky_solve(values, factor)


def _positive(similarity: Tensor) -> Tensor:
    """(n, n) the similarity without its negative eigenvalues, which no kernel has."""
    values, vectors = torch.linalg.eigh(similarity.double())
    positive: Tensor = (vectors * values.clamp(min=0)) @ vectors.T
    return positive.to(similarity.dtype)


PROPAGATION_GIP = HeadKind(
    PropagationGip,
    BatchedPropagationGip,
    lambda hidden_dim: PropagationHead(hidden_dim, N_NUMBERS + 3),
    batched,
    can_be_captured=False,  # cuSOLVER; nobody has tried it on a GPU
)
