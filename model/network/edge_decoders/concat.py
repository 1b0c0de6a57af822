"""``MLP([z_i, z_j])``, as the paper describes it (Methods, "Decoder")."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import elu

from model.network.batched_layers import Drop, rows, two_layers
from model.network.edge_decoders.interface import EdgeDecoderKind
from model.network.graph import Parameters


class _Concat(nn.Module):
    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(2 * dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, 1)

    def forward(self, z: Tensor, pairs: Tensor) -> Tensor:
        joined = torch.cat((z[pairs[0]], z[pairs[1]]), dim=-1)
        logits: Tensor = self.out(elu(self.hidden(self.dropout(joined))))
        return logits.squeeze(-1)


def _of_pairs(
    parameters: Parameters, z: Tensor, first: Tensor, second: Tensor, drop: Drop
) -> Tensor:
    joined = torch.cat((rows(z, first), rows(z, second)), dim=2)
    return two_layers(parameters, drop(joined, in_place=True))


def _of_block(parameters: Parameters, z: Tensor, n_rows: int, drop: Drop) -> Tensor:
    shape = (-1, n_rows, z.shape[1] - n_rows, -1)
    row, column = z[:, :n_rows, None], z[:, None, n_rows:]
    joined = torch.cat((row.expand(shape), column.expand(shape)), dim=3)
    return two_layers(parameters, drop(joined.flatten(1, 2), in_place=True))


CONCAT = EdgeDecoderKind(_Concat, _of_pairs, _of_block)
