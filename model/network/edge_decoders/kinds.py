"""The table of edge decoders: one line a kind, and one file beside this one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from model.config import Config
from model.network.edge_decoders.bilinear import BILINEAR
from model.network.edge_decoders.concat import CONCAT
from model.network.edge_decoders.dot import DOT
from model.network.edge_decoders.hadamard import HADAMARD
from model.network.edge_decoders.interface import EdgeDecoderKind
from model.table import Table, a_kind_of

EDGE_DECODERS: Table[EdgeDecoderKind] = Table(
    "edge decoder",
    "mmatune.edge_decoders",
    {"hadamard": HADAMARD, "concat": CONCAT, "dot": DOT, "bilinear": BILINEAR},
)


class EdgeDecoderConfig(Config):
    """How two embeddings become the logit of an association."""

    type: Annotated[str, a_kind_of(EDGE_DECODERS)] = "hadamard"
    hidden_dim: int = Field(64, ge=1, description="hidden width of the MLP (hadamard, concat)")
    dropout: float = Field(0.5, ge=0, lt=1, description="on what the decoder reads")
    threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="probability at which a pair counts as predicted; the published code"
        " thresholds logits at 0.5, a probability of 0.622",
    )


def edge_decoder(config: EdgeDecoderConfig, dim: int) -> nn.Module:
    """The plain decoder of embeddings with ``dim`` dimensions; see `EdgeDecoderKind.plain`."""
    return EDGE_DECODERS[config.type].plain(dim, config.hidden_dim, config.dropout)
