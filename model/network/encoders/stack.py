"""Graph encoders: node features and the visible associations in, one embedding per node out.

Shape legend: N nodes (miRNAs first, then small molecules), E directed edges, F features per node,
D dimensions of an embedding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from model.config import Config


class EncoderConfig(Config):
    """A stack of graph convolutions (paper, "GNN encoder"; defaults are the published ones)."""

    type: Literal["gin", "gcn", "sage", "gat", "linear"] = "gin"
    layers: int = Field(2, ge=1, le=4, description="graph convolutions")
    hidden_dim: int = Field(64, ge=1, description="width of all convolutions but the last")
    out_dim: int = Field(128, ge=1, description="dimensions of an embedding")
    dropout: float = Field(0.5, ge=0, lt=1, description="before each convolution")
    norm: Literal["none", "batch"] = "batch"


class Encoder(nn.Module):
    """Dropout, graph convolution, normalisation, ELU; once per layer.

    GIN is the paper's equations 2 and 3, ``h_i' = W((1 + eps) h_i + sum_j h_j)`` with a learned
    eps and, as in the published code, one linear map where the paper writes MLP. GCN is Kipf and
    Welling 2017, GraphSAGE (mean aggregation) Hamilton et al. 2017, GAT (one head) Velickovic et
    al. 2018. ``linear`` is the ablation: it sees no association but through the features.

    Shapes:
        forward: x (N, F) float, edge_index (2, E) int64 with both directions -> (N, out_dim)
    """

    def __init__(self, config: EncoderConfig, in_dim: int) -> None:
        super().__init__()
        widths = [in_dim, *[config.hidden_dim] * (config.layers - 1), config.out_dim]
        self.convolutions = nn.ModuleList(
            _convolution(config.type, width_in, width_out)
            for width_in, width_out in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(width) if config.norm == "batch" else nn.Identity()
            for width in widths[1:]
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = torch.nn.functional.elu(norm(convolution(self.dropout(x), edge_index)))
        return x


def _convolution(kind: str, width_in: int, width_out: int) -> nn.Module:
    # Here, so that the batched trainer can be measured where only torch is: `bench device`.
    from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv

    if kind == "gin":
        return GINConv(nn.Linear(width_in, width_out), train_eps=True)
    if kind == "gcn":
        return GCNConv(width_in, width_out)
    if kind == "gat":
        return GATConv(width_in, width_out)
    if kind == "linear":
        return _Linear(width_in, width_out)
    return SAGEConv(width_in, width_out)


class _Linear(nn.Module):
    """A linear map in the place of a convolution."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.linear(x)
