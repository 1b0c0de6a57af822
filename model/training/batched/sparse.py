"""The visible associations of a large network: sparse matrices instead of a dense block.

Shape legend: B replicas, M rows, S columns, T training associations, D dimensions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SparseGraph:
    """A `model.network.graph.VisibleGraph` with the replicas on one block diagonal.

    ``to_M`` is (B * M, B * S) and ``to_S`` its transpose, both of 0 and 1 in compressed rows.
    """

    to_M: Tensor
    to_S: Tensor
    n_replicas: int

    @property
    def n_rows(self) -> int:
        return self.to_M.shape[0] // self.n_replicas

    @property
    def block(self) -> Tensor:
        """There is none.

        Raises:
            TypeError: always; a kind that reads the block must say so in its table.
        """
        raise TypeError("sparse matrices have no dense block: the kind's entry lacks needs_block")

    def degrees(self) -> tuple[Tensor, Tensor]:
        """(B, M, 1) and (B, S, 1) visible associations of each node."""
        return self._of_ones(self.to_M), self._of_ones(self.to_S)

    def to_rows(self, of_columns: Tensor) -> Tensor:
        """(B, M, D): sum over each row's columns of (B, S, D)."""
        return self._summed(self.to_M, self.to_S, of_columns)

    def to_columns(self, of_rows: Tensor) -> Tensor:
        """(B, S, D): sum over each column's rows of (B, M, D) or, shared, (M, D)."""
        if of_rows.ndim == 2:
            of_rows = of_rows.expand(self.n_replicas, -1, -1)
        return self._summed(self.to_S, self.to_M, of_rows)

    def _summed(self, matrix: Tensor, transposed: Tensor, x: Tensor) -> Tensor:
        product: Any = _Product.apply  # torch has no types for it
        summed: Tensor = product(matrix, transposed, x.reshape(-1, x.shape[2]))
        return summed.view(self.n_replicas, -1, x.shape[2])

    def _of_ones(self, matrix: Tensor) -> Tensor:
        ones = torch.ones((matrix.shape[1], 1), device=matrix.device)
        return (matrix @ ones).view(self.n_replicas, -1, 1)


class Structure:
    """The positions of all associations in the sparse matrices; `visible` fills in the values.

    A hidden association keeps its position with the value 0, so that no epoch has to sort.

    Args:
        row, column: (B, T) indices.
        valid: (B, T), False for padding.
    """

    def __init__(self, row: Tensor, column: Tensor, valid: Tensor, sides: tuple[int, int]) -> None:
        replica, place = valid.nonzero(as_tuple=True)
        rows = row[replica, place] + replica * sides[0]
        columns = column[replica, place] + replica * sides[1]
        flat = replica * valid.shape[1] + place
        self.n_replicas = len(valid)
        n_rows, n_columns = (self.n_replicas * size for size in sides)
        self._to_M = _compressed(rows, columns, n_rows, n_columns, flat)
        self._to_S = _compressed(columns, rows, n_columns, n_rows, flat)

    def visible(self, shown: Tensor) -> SparseGraph:
        """The graph of the associations marked in (B, T)."""
        values = shown.to(torch.float32).flatten()
        to_M, to_S = (_matrix(places, values) for places in (self._to_M, self._to_S))
        return SparseGraph(to_M, to_S, self.n_replicas)


# Start of each row, column of each value, index of each value in the flattened (B, T), shape.
_Places = tuple[Tensor, Tensor, Tensor, tuple[int, int]]


def _matrix(places: _Places, values: Tensor) -> Tensor:
    starts, columns, flat, shape = places
    with warnings.catch_warnings():  # torch calls these matrices beta, once a process
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(starts, columns, values[flat], shape, check_invariants=False)


def _compressed(
    rows: Tensor, columns: Tensor, n_rows: int, n_columns: int, flat: Tensor
) -> _Places:
    order = (rows * n_columns + columns).argsort()
    counts = torch.bincount(rows, minlength=n_rows)
    starts = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
    # 32 bits, because the sparse libraries of torch take those without a copy.
    return (
        starts.to(torch.int32),
        columns[order].to(torch.int32),
        flat[order],
        (n_rows, n_columns),
    )


class _Product(torch.autograd.Function):
    """Sparse times dense. Its gradient uses the transposed matrix, which exists already."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, x: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradients[0].contiguous()
