"""``z_i . z_j``, the paper's equation 8."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.network.batched_layers import Drop, rows
from model.network.edge_decoders.interface import EdgeDecoderKind
from model.network.graph import Parameters


class _Dot(nn.Module):
    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, z: Tensor, pairs: Tensor) -> Tensor:
        z = self.dropout(z)
        return (z[pairs[0]] * z[pairs[1]]).sum(dim=-1)


def _of_pairs(
    parameters: Parameters, z: Tensor, first: Tensor, second: Tensor, drop: Drop
) -> Tensor:
    z = drop(z)
    return (rows(z, first) * rows(z, second)).sum(dim=2)


def _of_block(parameters: Parameters, z: Tensor, n_rows: int, drop: Drop) -> Tensor:
    z = drop(z)
    return torch.bmm(z[:, :n_rows], z[:, n_rows:].mT).flatten(1)


DOT = EdgeDecoderKind(_Dot, _of_pairs, _of_block)
