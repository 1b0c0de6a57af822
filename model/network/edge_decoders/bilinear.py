"""``z_i W z_j + b``, the row on the left.

W is multiplied with nodes, not with pairs: that is N rows, however many pairs there are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.network.batched_layers import Drop, rows
from model.network.edge_decoders.interface import EdgeDecoderKind
from model.network.graph import Parameters


class _Bilinear(nn.Module):
    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        bound = dim**-0.5
        self.weight = nn.Parameter(torch.empty(dim, dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, pairs: Tensor) -> Tensor:
        z = self.dropout(z)
        left = z @ self.weight
        return (left[pairs[0]] * z[pairs[1]]).sum(dim=-1) + self.bias


def _of_pairs(
    parameters: Parameters, z: Tensor, first: Tensor, second: Tensor, drop: Drop
) -> Tensor:
    z = drop(z)
    left = torch.bmm(z, parameters["weight"])
    return (rows(left, first) * rows(z, second)).sum(dim=2) + parameters["bias"][:, None]


def _of_block(parameters: Parameters, z: Tensor, n_rows: int, drop: Drop) -> Tensor:
    z = drop(z)
    left = torch.bmm(z[:, :n_rows], parameters["weight"])
    logits = torch.bmm(left, z[:, n_rows:].mT) + parameters["bias"][:, None, None]
    return logits.flatten(1)


BILINEAR = EdgeDecoderKind(_Bilinear, _of_pairs, _of_block)
