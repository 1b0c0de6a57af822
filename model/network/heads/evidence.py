"""The propagation head's numbers of every pair, for all replicas at once.

Shape legend: B replicas, M miRNAs, S small molecules, 9 numbers a pair.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from model.data.similarities import Similarities
from model.network.propagation import N_EVIDENCE, Propagation
from model.training.batched.graph import AnyVisibleGraph, VisibleGraph


class BatchedPropagation:
    """`model.network.propagation.Propagation` of all replicas; its smoothers are made once."""

    def __init__(self, similarities: Similarities) -> None:
        plain = Propagation(similarities)
        self.of_mirnas = torch.cat((*plain.ridge_M, plain.nearest_M))
        self.of_small_molecules = torch.cat((plain.ridge_S, plain.nearest_S.T), dim=1)

    def __call__(self, graph: AnyVisibleGraph) -> Tensor:
        """(B, M * S + 1, 9), standardised over the pairs that are not visible associations.

        The last row is that of two nodes of one side: no evidence.
        """
        assert isinstance(graph, VisibleGraph)  # checked by the trainer
        block = graph.block
        replicas, n_mirnas, n_small_molecules = block.shape
        # One product for all replicas and smoothers of a side.
        side_by_side = block.permute(1, 0, 2).reshape(n_mirnas, -1)
        by_mirna = (self.of_mirnas @ side_by_side).view(3, n_mirnas, replicas, n_small_molecules)
        ridge_1, ridge_2, nearest_M = by_mirna.transpose(1, 2)
        by_small_molecule = (block.reshape(-1, n_small_molecules) @ self.of_small_molecules).view(
            replicas, n_mirnas, 2, n_small_molecules
        )
        degree_M, degree_S = graph.degrees()
        numbers = torch.stack(
            [
                ridge_1,
                ridge_2,
                by_small_molecule[:, :, 0],
                nearest_M,
                by_small_molecule[:, :, 1],
                torch.bmm(_cosine(block), block),
                torch.bmm(block, _cosine(block.mT)),
                torch.log1p(degree_M).expand_as(block),
                torch.log1p(degree_S).mT.expand_as(block),
            ],
            dim=-1,
        ).flatten(1, 2)
        unknown = 1 - block.flatten(1)
        count = unknown.sum(dim=1).clamp(min=1)[:, None, None]
        mean = torch.bmm(unknown[:, None], numbers) / count
        deviation = (torch.bmm(unknown[:, None], (numbers - mean) ** 2) / count).sqrt()
        table = torch.cat((numbers, numbers.new_zeros((replicas, 1, N_EVIDENCE))), dim=1)
        return (table - mean) / deviation.clamp(min=1e-6)


def _cosine(profiles: Tensor) -> Tensor:
    """(B, n, n) cosine similarity of association profiles, a node's own set to zero."""
    unit = normalize(profiles, dim=-1)
    similarity = torch.bmm(unit, unit.mT)
    similarity.diagonal(dim1=1, dim2=2).zero_()
    return similarity
