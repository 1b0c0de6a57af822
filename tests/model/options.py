"""The named options of the model, in configurations small enough for tests.

An option whose values are entries of a table is in `TABLES`: its contract in `tests/contracts/`
checks every entry. The others are in `VARIANTS`, each value at least once.
"""

from typing import Any

from model.network.autoencoder import Configuration
from model.network.edge_decoders.kinds import EDGE_DECODERS
from model.network.encoders.kinds import ENCODERS
from model.network.heads.kinds import HEADS
from model.network.masks.kinds import MASKS
from model.table import Table

SMALL = {
    "encoder.hidden_dim": 8,
    "encoder.out_dim": 8,
    "edge_decoder.hidden_dim": 8,
    "degree_decoder.hidden_dim": 8,
}
TABLES: dict[str, Table[Any]] = {
    "encoder.type": ENCODERS,
    "mask.scheme": MASKS,
    "edge_decoder.type": EDGE_DECODERS,
    "head.type": HEADS,
}
# Every value at least once with every other option's first value.
OPTIONS = {
    "sampled_pairs.scheme": ["bipartite", "homogeneous"],
    "encoder.norm": ["batch", "none"],
    "degree_decoder.alpha": [0.06, 0.0],
    "features.transform": ["raw", "centred", "l2"],
    "features.associations": ["none", "gip"],
    "sampled_pairs.per_association": [2, "all"],
}
VARIANTS = sorted(
    {
        tuple({**{name: values[0] for name, values in OPTIONS.items()}, option: value}.items())
        for option, values in OPTIONS.items()
        for value in values
    },
    key=str,
)


def configuration(variant: tuple[tuple[str, object], ...] = (), **values: object) -> Configuration:
    return Configuration.from_dotted({**SMALL, **dict(variant), **values})
