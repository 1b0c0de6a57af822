"""Decoders: embeddings in, a logit per pair (edge decoder) or a degree per node (degree decoder).

Shape legend: N nodes, P pairs, D dimensions of an embedding. In a pair the lower node comes first,
so in a miRNA-small molecule pair the miRNA does.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import elu

from model.config import Config


class EdgeDecoderConfig(Config):
    """How two embeddings become the logit of an association.

    The paper describes ``concat`` (Methods, "Decoder") and ``dot`` (equation 8); the published
    code is ``hadamard``.
    """

    type: Literal["hadamard", "concat", "dot", "bilinear"] = "hadamard"
    hidden_dim: int = Field(64, ge=1, description="hidden width of the MLP (hadamard, concat)")
    dropout: float = Field(0.5, ge=0, lt=1, description="on what the decoder reads")
    threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="probability at which a pair counts as predicted; the published code"
        " thresholds logits at 0.5, a probability of 0.622",
    )


class DegreeDecoderConfig(Config):
    """How an embedding becomes the node's masked degree (equation 5)."""

    alpha: float = Field(0.06, ge=0, description="weight of the degree loss (equation 6); 0 is off")
    hidden_dim: int = Field(64, ge=1)
    dropout: float = Field(0.5, ge=0, lt=1)


class EdgeDecoder(nn.Module):
    """Logit of an association between two nodes.

    hadamard: MLP(z_i * z_j); concat: MLP([z_i, z_j]); dot: z_i . z_j; bilinear: z_i W z_j + b.

    Shapes:
        forward: z (N, D), pairs (2, P) int64 -> logits (P,)
    """

    def __init__(self, config: EdgeDecoderConfig, dim: int) -> None:
        super().__init__()
        self.kind = config.type
        self.dropout = nn.Dropout(config.dropout)
        if config.type in ("hadamard", "concat"):
            width = dim if config.type == "hadamard" else 2 * dim
            self.hidden = nn.Linear(width, config.hidden_dim)
            self.out = nn.Linear(config.hidden_dim, 1)
        elif config.type == "bilinear":
            bound = dim**-0.5
            self.weight = nn.Parameter(torch.empty(dim, dim).uniform_(-bound, bound))
            self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, pairs: Tensor) -> Tensor:
        if self.kind in ("dot", "bilinear"):
            # Per node, not per pair: the product with W is then N rows, however many pairs.
            z = self.dropout(z)
            left = z if self.kind == "dot" else z @ self.weight
            products = (left[pairs[0]] * z[pairs[1]]).sum(dim=-1)
            return products if self.kind == "dot" else products + self.bias
        first, second = z[pairs[0]], z[pairs[1]]
        concat = self.kind == "concat"
        joined = torch.cat((first, second), dim=-1) if concat else first * second
        return self.out(elu(self.hidden(self.dropout(joined)))).squeeze(-1)


class DegreeDecoder(nn.Module):
    """Two-layer MLP that predicts how many of a node's associations were masked (equation 5).

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
