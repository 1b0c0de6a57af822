"""What an entry of the table of masking schemes holds.

Shape legend: B replicas, K or T training associations, N nodes, E directed edges, P masked pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator, Tensor

from model.network.graph import Associations, VisibleGraph


@dataclass(frozen=True)
class MaskedGraph:
    """One epoch's view of one model's training associations.

    Shapes: visible (2, E) with both directions of every visible association; masked (2, P).
    ``masked_degree`` (N,) is how many masked associations (or directions) each node has.
    """

    visible: Tensor
    masked: Tensor
    masked_degree: Tensor


@dataclass(frozen=True, eq=False)
class Mask:
    """One epoch's view of the training associations of every replica.

    It has a fixed number of places for masked pairs, some of them unused: nothing waits for a
    device to learn how many associations a draw has masked.

    Shapes: first, second (B, P) nodes of the masked pairs, lower node first; weight (B, P), 1 for a
    masked pair and 0 for an unused place; masked_degree (B, N).
    """

    visible: VisibleGraph
    first: Tensor
    second: Tensor
    weight: Tensor
    masked_degree: Tensor


@dataclass(frozen=True)
class MaskKind:
    """One way to draw which associations are masked.

    Args:
        plain: from pairs (2, K), row first, N, the rate p and the length of a walk, one draw by
            torch's global generator.
        batched: from the associations of all replicas, p and the length of a walk, a function that
            draws by a given generator. It must not wait for the device.
        hides: whether the encoder sees no masked association, in neither direction.
    """

    plain: Callable[[Tensor, int, float, int], MaskedGraph]
    batched: Callable[[Associations, float, int], Callable[[Generator], Mask]]
    hides: bool = True
