"""The table of masking schemes: one line a kind, and one file beside this one.

Masking decides which training associations the encoder sees, and which it has to reconstruct.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from model.config import Config
from model.network.masks.interface import MaskedGraph, MaskKind
from model.network.masks.path import PATH
from model.network.masks.per_direction import PER_DIRECTION
from model.network.masks.undirected import UNDIRECTED
from model.network.masks.unmasked import UNMASKED
from model.table import Table, a_kind_of

MASKS: Table[MaskKind] = Table(
    "masking scheme",
    "mmatune.masks",
    {"undirected": UNDIRECTED, "per_direction": PER_DIRECTION, "path": PATH, "none": UNMASKED},
)


class MaskConfig(Config):
    """Masking of associations (equation 7)."""

    rate: float = Field(0.4, gt=0, lt=1, description="mask rate p, fraction of associations")
    scheme: Annotated[str, a_kind_of(MASKS)] = "undirected"
    walk_length: int = Field(3, ge=1, description="steps of a walk (path masking)")


def draw_mask(config: MaskConfig, pairs: Tensor, n_nodes: int) -> MaskedGraph:
    """Draw a mask over one model's training associations from torch's global generator.

    Args:
        pairs: (2, K) node pairs of the training associations, each once, row first.
        n_nodes: N.
    """
    return MASKS[config.scheme].plain(pairs, n_nodes, config.rate, config.walk_length)
