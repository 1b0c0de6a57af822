"""What the batched forms of layers, masks and evidence read of every replica's associations.

Protocols, so that a kind depends on no trainer; `model.training.batched` implements them.

Shape legend: B replicas, M rows, S columns, N = M + S nodes with rows first, T training
associations (the largest number of any replica; shorter lists are padded), D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

# The parameters of a module by the names that its plain form has, each with a leading B.
Parameters = Mapping[str, Tensor]


class VisibleGraph(Protocol):
    """The associations that the encoders see, as a dense block or as sparse matrices."""

    @property
    def n_replicas(self) -> int: ...

    @property
    def n_rows(self) -> int: ...

    @property
    def block(self) -> Tensor:
        """(B, M, S) of 0 and 1. Only a kind whose entry says ``needs_block`` may read it."""

    def degrees(self) -> tuple[Tensor, Tensor]:
        """(B, M, 1) and (B, S, 1) visible associations of each node."""

    def to_rows(self, of_columns: Tensor) -> Tensor:
        """(B, M, D): sum over each row's columns of (B, S, D)."""

    def to_columns(self, of_rows: Tensor) -> Tensor:
        """(B, S, D): sum over each column's rows of (B, M, D) or, shared, (M, D)."""


class Associations(Protocol):
    """The training associations of every replica.

    Shapes: row, column (B, T) indices; valid (B, T) bool, False for padding.
    """

    row: Tensor
    column: Tensor
    valid: Tensor
    n_rows: int
    n_columns: int

    @property
    def all_visible(self) -> VisibleGraph: ...

    def visible(self, shown: Tensor) -> VisibleGraph:
        """The graph of the associations marked in (B, T) bool."""


class Nodes(Protocol):
    """What a layer reads of every node: the features, or the layer before's embeddings, (B, N, D).

    Features are not one tensor: replicas share them, and the zeros that pad a side are left out.
    So a layer asks for products with its weights (B, H, D).
    """

    def linear(self, weight: Tensor) -> Tensor:
        """(B, N, H): every node times the weights."""

    def aggregated(self, aggregate: Callable[[Tensor], Tensor], weight: Tensor) -> Tensor:
        """(B, N, H): a linear map over the nodes and the product with the weights.

        Both are linear, so they are done in the cheaper order: ``aggregate`` gets (B, N, H) or
        (B, N, D).
        """

    def summed(self, graph: VisibleGraph, weight: Tensor) -> Tensor:
        """(B, N, H): the sum over each node's neighbours, times the weights."""


def neighbour_sum(graph: VisibleGraph, h: Tensor) -> Tensor:
    """(B, N, D): sum over each node's neighbours of (B, N, D)."""
    row, column = h[:, : graph.n_rows], h[:, graph.n_rows :]
    return torch.cat((graph.to_rows(column), graph.to_columns(row)), dim=1)


def node_degrees(graph: VisibleGraph) -> Tensor:
    """(B, N, 1) visible associations of each node."""
    return torch.cat(graph.degrees(), dim=1)
