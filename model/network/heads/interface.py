"""What an entry of the table of heads holds.

Shape legend: B replicas, M miRNAs, S small molecules, K numbers a pair, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from model.data.similarities import Similarities
from model.network.graph import Parameters, VisibleGraph


@dataclass(frozen=True)
class HeadKind:
    """A second opinion on each pair: numbers from the visible associations, and a map to a logit.

    The numbers of every pair are made, so a large network refuses every head. They need not be
    standardised: `model.network.heads.evidence` does that.

    Args:
        numbers: from the similarities, a function of the visible associations (M, S), 0 or 1,
            to K numbers of every pair (M, S, K). What does not change is made once.
        batched_numbers: the same of all replicas, from the visible graph: (B, M, S, K).
        plain: from the hidden width, a module from standardised numbers (P, K) to logits (P,).
        batched: the same of all replicas, from that module's parameters: (B, P, K) -> (B, P).
    """

    numbers: Callable[[Similarities], Callable[[Tensor], Tensor]]
    batched_numbers: Callable[[Similarities], Callable[[VisibleGraph], Tensor]]
    plain: Callable[[int], nn.Module]
    batched: Callable[[Parameters, Tensor], Tensor]
