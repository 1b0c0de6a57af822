"""The degree decoder: embeddings in, each node's masked degree out (equation 5).

Shape legend: B replicas, N nodes, D dimensions of an embedding.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import elu

from model.config import Config
from model.network.batched_layers import Drop, linear
from model.network.graph import Parameters


class DegreeDecoderConfig(Config):
    """How an embedding becomes the node's masked degree (equation 5)."""

    alpha: float = Field(0.06, ge=0, description="weight of the degree loss (equation 6); 0 is off")
    hidden_dim: int = Field(64, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)


class DegreeDecoder(nn.Module):
    """Two-layer MLP that predicts how many of a node's associations were masked.

    Ends in an ELU, as published: degrees are not negative, so its floor of -1 costs nothing.

    Shapes:
        forward: z (N, D) -> (N,)
    """

    def __init__(self, config: DegreeDecoderConfig, dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, config.hidden_dim)
        self.out = nn.Linear(config.hidden_dim, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, z: Tensor) -> Tensor:
        return elu(self.out(elu(self.dropout(self.hidden(z))))).squeeze(-1)


def batched_degrees(parameters: Parameters, z: Tensor, drop: Drop) -> Tensor:
    """(B, N) masked degrees of all replicas by the parameters of a `DegreeDecoder`."""
    hidden = elu(drop(linear(parameters, "hidden", z), in_place=True))
    return elu(linear(parameters, "out", hidden)).squeeze(2)
