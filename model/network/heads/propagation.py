"""The pairwise-propagation head: evidence for a pair from what its neighbours are associated with.

Shape legend: M miRNAs, S small molecules, B_MS the visible associations, P pairs, 9 numbers a pair.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import elu, normalize

from model.config import Config
from model.data.similarities import Similarities

N_EVIDENCE = 9
_RIDGES_M = (1.0, 5.0)
_RIDGE_S = 0.3
_NEIGHBOURS = 50
_NEIGHBOUR_POWER = 4


class HeadConfig(Config):
    """A second opinion on each pair, added to the edge decoder's logit.

    ``propagation`` reads nine numbers of the visible associations; ``none`` is the paper's model.
    """

    type: Literal["none", "propagation"] = "none"
    hidden_dim: int = Field(16, ge=1, description="hidden width of the head's MLP")


class Propagation:
    """Computes the nine numbers of every pair from the visible associations.

    Two kernel-ridge smoothers by miRNA similarity, one by small-molecule similarity, k-nearest
    similarity smoothing and cosine collaborative filtering on each side, log(1 + degree) of each
    side. Each is standardised over the pairs that are not visible associations.
    """

    def __init__(self, similarities: Similarities) -> None:
        self.similarities = similarities
        self.ridge_M = [_ridge(similarities.mirna, ridge) for ridge in _RIDGES_M]
        self.ridge_S = _ridge(similarities.small_molecule, _RIDGE_S)
        self.nearest_M = _nearest(similarities.mirna)
        self.nearest_S = _nearest(similarities.small_molecule)

    def __call__(self, edge_index: Tensor) -> Tensor:
        """(M * S + 1, 9): one row per pair, and a last one for two nodes of one side: no evidence.

        Args:
            edge_index: (2, E) with both directions of every visible association.
        """
        b_MS = self.similarities.association_matrix(edge_index)
        degree_M, degree_S = b_MS.sum(dim=1, keepdim=True), b_MS.sum(dim=0, keepdim=True)
        numbers = torch.stack(
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
        ).flatten(0, 1)
        unknown = (b_MS.flatten() == 0).to(numbers.dtype)[:, None]
        count = unknown.sum().clamp(min=1)
        mean = (numbers * unknown).sum(dim=0) / count
        deviation = (((numbers - mean) ** 2 * unknown).sum(dim=0) / count).sqrt()
        table = torch.cat((numbers, numbers.new_zeros(1, N_EVIDENCE)))
        return (table - mean) / deviation.clamp(min=1e-6)


class PropagationHead(nn.Module):
    """Linear map plus a small MLP over the nine numbers of a pair.

    Shapes:
        forward: evidence (M * S + 1, 9), pairs (2, P) node pairs, lower node first -> logits (P,)
    """

    def __init__(self, config: HeadConfig, n_mirnas: int, n_small_molecules: int) -> None:
        super().__init__()
        self.n_mirnas, self.n_small_molecules = n_mirnas, n_small_molecules
        self.linear = nn.Linear(N_EVIDENCE, 1)
        self.hidden = nn.Linear(N_EVIDENCE, config.hidden_dim)
        self.out = nn.Linear(config.hidden_dim, 1)

    def forward(self, evidence: Tensor, pairs: Tensor) -> Tensor:
        mirna, small_molecule = pairs[0], pairs[1] - self.n_mirnas
        crosses = (mirna < self.n_mirnas) & (small_molecule >= 0)
        row = torch.where(
            crosses,
            mirna * self.n_small_molecules + small_molecule,
            self.n_mirnas * self.n_small_molecules,
        )
        numbers = evidence[row]
        return (self.linear(numbers) + self.out(elu(self.hidden(numbers)))).squeeze(-1)


def _ridge(similarity: Tensor, ridge: float) -> Tensor:
    """(n, n) kernel ridge smoother K (K + ridge)^-1, in double precision on the way."""
    values, vectors = torch.linalg.eigh(similarity.double())
    values = values.clamp(min=0)  # a similarity matrix may have slightly negative eigenvalues
    return ((vectors * (values / (values + ridge))) @ vectors.T).to(similarity.dtype)


def _nearest(similarity: Tensor) -> Tensor:
    """(n, n) weights of each node's nearest others: similarity to the 4th power, rows sum to 1."""
    others = similarity.clone().fill_diagonal_(-torch.inf)
    k = min(_NEIGHBOURS, len(others) - 1)
    values, indices = others.topk(k, dim=1)
    weights = values.clamp(min=0) ** _NEIGHBOUR_POWER
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return torch.zeros_like(similarity).scatter(1, indices, weights)


def _cosine(profiles: Tensor) -> Tensor:
    """(n, n) cosine similarity of association profiles, a node's own set to zero."""
    unit = normalize(profiles)
    return (unit @ unit.T).fill_diagonal_(0)
