"""What an entry of the table of heads holds.

Shape legend: B replicas, M rows, S columns, K numbers a pair, P pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field
from torch import Tensor, nn

from model.config import Config
from model.data.similarities import Similarities
from model.network.graph import Parameters, VisibleGraph


class HeadOptions(Config):
    """Settings of a head, whatever its kind; a kind need not use all. Defaults suit dataset2."""

    hidden_dim: int = Field(16, ge=1, description="hidden width of the head's MLP")
    ridge: float = Field(
        1.0,
        gt=0,
        description="multiplies the ridges of the kernel smoothers: 1 and 5 by row, 0.3 by column",
    )
    neighbours: int = Field(50, ge=1, description="nearest others that a node is smoothed by")
    neighbour_power: int = Field(
        4, ge=1, description="weights of those: the similarity to this power"
    )


@dataclass(frozen=True)
class HeadKind:
    """A second opinion on each pair: numbers from the visible associations, and a map to a logit.

    The numbers of every pair are made, so a large network refuses every head. They need not be
    standardised: `model.network.heads.evidence` does that.

    Args:
        numbers: from the similarities and the options, a function of the visible associations
            (M, S), 0 or 1, to K numbers of every pair (M, S, K). What does not change is made once.
        batched_numbers: the same of all replicas, from the visible graph: (B, M, S, K).
        plain: from the hidden width, a module from standardised numbers (P, K) to logits (P,).
        batched: the same of all replicas, from that module's parameters: (B, P, K) -> (B, P).
        can_be_captured: whether a CUDA graph can hold ``batched_numbers``. One that calls a solver
            cannot count on it, and the epochs of its models are launched one operation at a time.
    """

    numbers: Callable[[Similarities, HeadOptions], Callable[[Tensor], Tensor]]
    batched_numbers: Callable[[Similarities, HeadOptions], Callable[[VisibleGraph], Tensor]]
    plain: Callable[[int], nn.Module]
    batched: Callable[[Parameters, Tensor], Tensor]
    can_be_captured: bool = True
