"""``MLP(z_i * z_j)``, the published code's decoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import elu

from model.network.batched_layers import Drop, rows, two_layers
from model.network.edge_decoders.interface import EdgeDecoderKind
from model.network.graph import Parameters


class _Hadamard(nn.Module):
    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, 1)

    def forward(self, z: Tensor, pairs: Tensor) -> Tensor:
        joined = z[pairs[0]] * z[pairs[1]]
        logits: Tensor = self.out(elu(self.hidden(self.dropout(joined))))
        return logits.squeeze(-1)


def _of_pairs(
    parameters: Parameters, z: Tensor, first: Tensor, second: Tensor, drop: Drop
) -> Tensor:
    return two_layers(parameters, drop(rows(z, first) * rows(z, second), in_place=True))


def _of_block(parameters: Parameters, z: Tensor, n_rows: int, drop: Drop) -> Tensor:
    joined = (z[:, :n_rows, None] * z[:, None, n_rows:]).flatten(1, 2)
    return two_layers(parameters, drop(joined, in_place=True))


HADAMARD = EdgeDecoderKind(_Hadamard, _of_pairs, _of_block)
