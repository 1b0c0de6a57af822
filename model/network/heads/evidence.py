"""A head's evidence: its numbers of every pair, standardised over pairs that might be unknown.

Those are all that are not visible associations. Nothing here knows the masked ones.

Shape legend: B replicas, M rows, S columns, K numbers a pair, P pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.data.similarities import Similarities
from model.network.graph import VisibleGraph
from model.network.heads.interface import HeadKind, HeadOptions


class Evidence:
    """The evidence of one model; its last row is for two nodes of one side, of raw numbers 0."""

    def __init__(self, head: HeadKind, similarities: Similarities, options: HeadOptions) -> None:
        self.similarities = similarities
        self.numbers = head.numbers(similarities, options)

    def __call__(self, edge_index: Tensor) -> Tensor:
        """(M * S + 1, K) for an edge index (2, E) with both directions of visible associations."""
        b_MS = self.similarities.association_matrix(edge_index)
        numbers = self.numbers(b_MS).flatten(0, 1)
        unknown = (b_MS.flatten() == 0).to(numbers.dtype)[:, None]
        count = unknown.sum().clamp(min=1)
        mean = (numbers * unknown).sum(dim=0) / count
        deviation = (((numbers - mean) ** 2 * unknown).sum(dim=0) / count).sqrt()
        table = torch.cat((numbers, numbers.new_zeros(1, numbers.shape[1])))
        return (table - mean) / deviation.clamp(min=1e-6)


class BatchedEvidence:
    """`Evidence` of all replicas."""

    def __init__(self, head: HeadKind, similarities: Similarities, options: HeadOptions) -> None:
        self.numbers = head.batched_numbers(similarities, options)

    def __call__(self, graph: VisibleGraph) -> Tensor:
        """(B, M * S + 1, K) for the visible associations."""
        numbers = self.numbers(graph).flatten(1, 2)
        unknown = 1 - graph.block.flatten(1)
        count = unknown.sum(dim=1).clamp(min=1)[:, None, None]
        mean = torch.bmm(unknown[:, None], numbers) / count
        deviation = (torch.bmm(unknown[:, None], (numbers - mean) ** 2) / count).sqrt()
        table = torch.cat((numbers, numbers.new_zeros((len(numbers), 1, numbers.shape[2]))), dim=1)
        return (table - mean) / deviation.clamp(min=1e-6)


def evidence_rows(first: Tensor, second: Tensor, sides: tuple[int, int]) -> Tensor:
    """Rows of the evidence for pairs of nodes, of any shape, the lower node first.

    Args:
        sides: M and S.
    """
    n_rows, n_columns = sides
    crosses = (first < n_rows) & (second >= n_rows)
    row = first * n_columns + second - n_rows
    return row.masked_fill(~crosses, n_rows * n_columns)
