"""The encoder: node features and the visible associations in, one embedding per node out.

Shape legend: N nodes (rows first, then columns), E directed edges, F features per node,
D dimensions of an embedding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import elu

from model.config import Config
from model.network.encoders.kinds import ENCODERS
from model.table import a_kind_of


class EncoderConfig(Config):
    """A stack of graph convolutions (paper, "GNN encoder"; defaults are the published ones)."""

    type: Annotated[str, a_kind_of(ENCODERS)] = "gin"
    layers: int = Field(2, ge=1, le=4, description="graph convolutions")
    hidden_dim: int = Field(64, ge=1, description="width of all convolutions but the last")
    out_dim: int = Field(128, ge=1, description="dimensions of an embedding")
    dropout: float = Field(0.5, ge=0, lt=1, description="before each convolution")
    norm: Literal["none", "batch"] = "batch"


class Encoder(nn.Module):
    """Dropout, graph convolution, normalisation, ELU; once per layer.

    `model.training.batched.encoder` does the same for all replicas.

    Args:
        weights_only: make layers that hold parameters and have no forward, see `EncoderKind`.

    Shapes:
        forward: x (N, F) float, edge_index (2, E) int64 with both directions -> (N, out_dim)
    """

    def __init__(self, config: EncoderConfig, in_dim: int, *, weights_only: bool = False) -> None:
        super().__init__()
        widths = [in_dim, *[config.hidden_dim] * (config.layers - 1), config.out_dim]
        kind = ENCODERS[config.type]
        make = (weights_only and kind.weights) or kind.plain
        self.convolutions = nn.ModuleList(
            make(width_in, width_out) for width_in, width_out in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(width) if config.norm == "batch" else nn.Identity()
            for width in widths[1:]
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = elu(norm(convolution(self.dropout(x), edge_index)))
        return x
