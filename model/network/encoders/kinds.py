"""The table of encoders: one line a kind, and one file beside this one.

A file imports PyTorch Geometric where its plain layer is made, not at its top: `bench device`
measures the batched trainer where only torch is installed.
"""

from __future__ import annotations

from model.network.encoders.gat import GAT
from model.network.encoders.gcn import GCN
from model.network.encoders.gin import GIN
from model.network.encoders.interface import EncoderKind
from model.network.encoders.linear import LINEAR
from model.network.encoders.sage import SAGE
from model.table import Table

ENCODERS: Table[EncoderKind] = Table(
    "encoder",
    "mmatune.encoders",
    {"gin": GIN, "gcn": GCN, "sage": SAGE, "gat": GAT, "linear": LINEAR},
)
