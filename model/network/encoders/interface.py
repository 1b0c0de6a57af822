"""What an entry of the table of encoders holds.

Shape legend: B replicas, N nodes, E directed edges, D and H dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from model.network.graph import Nodes, Parameters, VisibleGraph


@dataclass(frozen=True)
class EncoderKind:
    """One kind of graph convolution, as a plain layer and for all replicas at once.

    Args:
        plain: from (D, H), a layer whose forward takes x (N, D) and edge_index (2, E), with both
            directions of every visible association, and returns (N, H).
        batched: the same of all replicas, (B, N, H), from that layer's parameters.
        needs_block: whether ``batched`` reads the dense block; large networks then refuse it.
        weights: from (D, H), a module with the parameters of ``plain``, of the same names, order
            and initial draws; the batched trainer makes it. None makes the plain layer, with all
            that it imports.
    """

    plain: Callable[[int, int], nn.Module]
    batched: Callable[[Parameters, Nodes, VisibleGraph], Tensor]
    needs_block: bool = False
    weights: Callable[[int, int], nn.Module] | None = None
