"""What an entry of the table of edge decoders holds.

Shape legend: B replicas, M rows, S columns, N nodes, P pairs, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from model.network.batched_layers import Drop
from model.network.graph import Parameters


@dataclass(frozen=True)
class EdgeDecoderKind:
    """One way from two embeddings to the logit of an association, in three forms that agree.

    Args:
        plain: from (D, hidden width, dropout rate), a module whose forward takes z (N, D) and
            pairs (2, P), lower node first, and returns logits (P,).
        of_pairs: (B, P) logits of given pairs, from that module's parameters, z (B, N, D), the
            lower and the higher nodes (B, P) and the dropout.
        of_block: (B, M * S) logits of every pair of a row and a column by the cheapest way,
            from the same parameters, z (B, N, D), M and the dropout.
    """

    plain: Callable[[int, int, float], nn.Module]
    of_pairs: Callable[[Parameters, Tensor, Tensor, Tensor, Drop], Tensor]
    of_block: Callable[[Parameters, Tensor, int, Drop], Tensor]
