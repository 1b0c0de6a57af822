"""The table of heads: one line a kind, and one file beside this one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from model.config import Config
from model.network.heads.interface import HeadKind
from model.network.heads.propagation import PROPAGATION
from model.table import Table, a_kind_of

# None is a model without a head.
HEADS: Table[HeadKind | None] = Table(
    "head", "mmatune.heads", {"none": None, "propagation": PROPAGATION}
)


class HeadConfig(Config):
    """A second opinion on each pair, added to the edge decoder's logit.

    ``propagation`` reads nine numbers of the visible associations; ``none`` is the paper's model.
    """

    type: Annotated[str, a_kind_of(HEADS)] = "none"
    hidden_dim: int = Field(16, ge=1, description="hidden width of the head's MLP")
