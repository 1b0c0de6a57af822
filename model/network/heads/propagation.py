"""The propagation head: evidence for a pair from what its neighbours are associated with.

Nine numbers a pair: two kernel-ridge smoothers by row similarity, one by column similarity,
k-nearest similarity smoothing and cosine collaborative filtering on each side,
log(1 + degree) of each side.

Shape legend: B replicas, M rows, S columns, B_MS the visible associations, P pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, normalize

from model.data.similarities import Similarities
from model.network.batched_layers import linear, two_layers
from model.network.graph import Parameters, VisibleGraph
from model.network.heads.interface import HeadKind, HeadOptions

N_NUMBERS = 9
# Times `HeadOptions.ridge`. A smoother halves the part along an eigenvector whose eigenvalue equals
# its ridge.
_RIDGES_M = (1.0, 5.0)
_RIDGE_S = 0.3


class Propagation:
    """The nine numbers of every pair of one model."""

    def __init__(self, similarities: Similarities, options: HeadOptions) -> None:
        row, column = similarities.row, similarities.column
        self.ridge_M = [_ridge(row, options.ridge * ridge) for ridge in _RIDGES_M]
        self.ridge_S = _ridge(column, options.ridge * _RIDGE_S)
        self.nearest_M = _nearest(row, options)
        self.nearest_S = _nearest(column, options)

    def __call__(self, b_MS: Tensor) -> Tensor:
        """(M, S, 9) for the visible associations (M, S), 0 or 1."""
        degree_M, degree_S = b_MS.sum(dim=1, keepdim=True), b_MS.sum(dim=0, keepdim=True)
        return torch.stack(
            [
                *(smoother @ b_MS for smoother in self.ridge_M),
                b_MS @ self.ridge_S,
                self.nearest_M @ b_MS,
                b_MS @ self.nearest_S.T,
                _cosine(b_MS) @ b_MS,
                b_MS @ _cosine(b_MS.T),
                torch.log1p(degree_M).expand_as(b_MS),
                torch.log1p(degree_S).expand_as(b_MS),
            ],
            dim=-1,
        )


class BatchedPropagation:
    """`Propagation` of all replicas: one product for all replicas and smoothers of a side."""

    def __init__(self, similarities: Similarities, options: HeadOptions) -> None:
        plain = Propagation(similarities, options)
        self.of_rows = torch.cat((*plain.ridge_M, plain.nearest_M))
        self.of_columns = torch.cat((plain.ridge_S, plain.nearest_S.T), dim=1)

    def __call__(self, graph: VisibleGraph) -> Tensor:
        """(B, M, S, 9) for the visible associations."""
        block = graph.block
        replicas, n_rows, n_columns = block.shape
        side_by_side = block.permute(1, 0, 2).reshape(n_rows, -1)
        by_row = (self.of_rows @ side_by_side).view(3, n_rows, replicas, n_columns)
        ridge_1, ridge_2, nearest_M = by_row.transpose(1, 2)
        by_column = (block.reshape(-1, n_columns) @ self.of_columns).view(
            replicas, n_rows, 2, n_columns
        )
        degree_M, degree_S = graph.degrees()
        return torch.stack(
            [
                ridge_1,
                ridge_2,
                by_column[:, :, 0],
                nearest_M,
                by_column[:, :, 1],
                torch.bmm(_cosine(block), block),
                torch.bmm(block, _cosine(block.mT)),
                torch.log1p(degree_M).expand_as(block),
                torch.log1p(degree_S).mT.expand_as(block),
            ],
            dim=-1,
        )


class PropagationHead(nn.Module):
    """Linear map plus a small MLP over the nine numbers of a pair.

    Shapes:
        forward: numbers (P, 9) -> logits (P,)
    """

    def __init__(self, hidden_dim: int, n_numbers: int = N_NUMBERS) -> None:
        super().__init__()
        self.linear = nn.Linear(n_numbers, 1)
        self.hidden = nn.Linear(n_numbers, hidden_dim)
        self.out = nn.Linear(hidden_dim, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        logits: Tensor = self.linear(numbers) + self.out(elu(self.hidden(numbers)))
        return logits.squeeze(-1)


def batched(parameters: Parameters, numbers: Tensor) -> Tensor:
    return linear(parameters, "linear", numbers).squeeze(2) + two_layers(parameters, numbers)


PROPAGATION = HeadKind(Propagation, BatchedPropagation, PropagationHead, batched)


def _ridge(similarity: Tensor, ridge: float) -> Tensor:
    """(n, n) kernel ridge smoother K (K + ridge)^-1, in double precision on the way."""
    values, vectors = torch.linalg.eigh(similarity.double())
    values = values.clamp(min=0)  # a similarity matrix may have slightly negative eigenvalues
    smoother: Tensor = (vectors * (values / (values + ridge))) @ vectors.T
    return smoother.to(similarity.dtype)


def _nearest(similarity: Tensor, options: HeadOptions) -> Tensor:
    """(n, n) weights of each node's nearest others: similarity to a power, rows sum to 1.

    The neighbour-propagation baseline has the same weights, but breaks ties between equally similar
    neighbours by their order. Using that here would change the scores of models on file.
    """
    others = similarity.clone().fill_diagonal_(-torch.inf)
    k = min(options.neighbours, len(others) - 1)
    values, indices = others.topk(k, dim=1)
    weights = values.clamp(min=0) ** options.neighbour_power
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return torch.zeros_like(similarity).scatter(1, indices, weights)


def _cosine(profiles: Tensor) -> Tensor:
    """(..., n, n) cosine similarity of profiles (..., n, d), a node's own set to zero."""
    unit = normalize(profiles, dim=-1)
    similarity = unit @ unit.mT
    similarity.diagonal(dim1=-2, dim2=-1).zero_()
    return similarity
