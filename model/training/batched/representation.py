"""Which networks are trained as a dense block, and which as sparse matrices."""

from __future__ import annotations

from model.errors import InputError
from model.network.autoencoder import Configuration
from model.network.encoders.kinds import ENCODERS
from model.network.heads.kinds import HEADS

# Up to this many pairs a dense block takes less time than sparse matrices; `mmatune bench scale`
# measures both. Up to the second number a block fits in memory, for the options that need one.
DENSE_CELLS = 100_000
LARGEST_BLOCK = 5_000_000


def is_dense(config: Configuration, cells: int) -> bool:
    """Whether a network of so many pairs of a row and a column is trained as a dense block.

    Raises:
        InputError: an option needs the block, and the pairs are too many for one.
    """
    needs_block = {
        "encoder.type": ENCODERS[config.encoder.type].needs_block,
        "features.associations": config.features.associations == "gip",
        "head.type": HEADS[config.head.type] is not None,
        "sampled_pairs.per_association": config.sampled_pairs.per_association == "all",
    }
    for option, needed in needs_block.items():
        if needed and cells > LARGEST_BLOCK:
            raise InputError(
                f"{config.dotted()[option]!r} looks at every pair, and {cells:,} are too many",
                where=option,
                hint=f"above {LARGEST_BLOCK:,} pairs choose another value",
            )
    return any(needs_block.values()) or cells <= DENSE_CELLS
