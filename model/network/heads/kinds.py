"""The table of heads: one line a kind, and one file beside this one."""

from __future__ import annotations

from typing import Annotated

from model.network.heads.interface import HeadKind, HeadOptions
from model.network.heads.propagation import PROPAGATION
from model.network.heads.propagation_gip import PROPAGATION_GIP
from model.table import Table, a_kind_of

# None is a model without a head.
HEADS: Table[HeadKind | None] = Table(
    "head",
    "mmatune.heads",
    {"none": None, "propagation": PROPAGATION, "propagation-gip": PROPAGATION_GIP},
)


class HeadConfig(HeadOptions):
    """A second opinion on each pair, added to the edge decoder's logit.

    ``propagation`` reads nine numbers of the visible associations, ``propagation-gip`` three more,
    of association profiles; ``none`` is the paper's model.
    """

    type: Annotated[str, a_kind_of(HEADS)] = "none"
