"""The training associations of every replica, and what its encoder sees of them.

Shape legend: B replicas, M rows, S columns, N = M + S nodes with rows first, T training
associations (the largest number of any replica; shorter lists are padded), P pairs, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.training.batched.sparse import SparseGraph, Structure


@dataclass(frozen=True, eq=False)
class DenseGraph:
    """A `model.network.graph.VisibleGraph` as a dense block: (B, M, S), 0 or 1."""

    block: Tensor

    @property
    def n_replicas(self) -> int:
        return self.block.shape[0]

    @property
    def n_rows(self) -> int:
        return self.block.shape[1]

    def degrees(self) -> tuple[Tensor, Tensor]:
        """(B, M, 1) and (B, S, 1) visible associations of each node."""
        return self.block.sum(dim=2, keepdim=True), self.block.sum(dim=1)[:, :, None]

    def to_rows(self, of_columns: Tensor) -> Tensor:
        """(B, M, D): sum over each row's columns of (B, S, D)."""
        return torch.bmm(self.block, of_columns)

    def to_columns(self, of_rows: Tensor) -> Tensor:
        """(B, S, D): sum over each column's rows of (B, M, D) or, shared, (M, D)."""
        if of_rows.ndim == 2:
            return torch.matmul(self.block.transpose(1, 2), of_rows)
        return torch.bmm(self.block.transpose(1, 2), of_rows)


class TrainingAssociations:
    """The training associations of B replicas: `model.network.graph.Associations`.

    Args:
        train_pairs: B arrays (T_b, 2) of (row index, column index).
        is_dense: whether what the encoder sees is a dense block or sparse matrices.
    """

    def __init__(
        self,
        train_pairs: Sequence[np.ndarray],
        sides: tuple[int, int],
        device: torch.device,
        *,
        is_dense: bool,
    ) -> None:
        self.n_rows, self.n_columns = sides
        longest = max(len(pairs) for pairs in train_pairs)
        padded = np.zeros((len(train_pairs), longest, 2), dtype=np.int64)
        valid = np.zeros((len(train_pairs), longest), dtype=bool)
        for row, pairs in enumerate(train_pairs):
            padded[row, : len(pairs)] = pairs
            valid[row, : len(pairs)] = True
        self.row = torch.as_tensor(padded[:, :, 0], device=device).contiguous()
        self.column = torch.as_tensor(padded[:, :, 1], device=device).contiguous()
        self.valid = torch.as_tensor(valid, device=device)
        self.code = self.row * self.n_columns + self.column
        self.is_dense = is_dense
        if not is_dense:
            self._structure = Structure(self.row, self.column, self.valid, sides)
            self._sorted = torch.where(self.valid, self.code, -1).sort(dim=1).values
        self.all_visible = self.visible(self.valid)

    def visible(self, shown: Tensor) -> DenseGraph | SparseGraph:
        """The graph of the associations marked in (B, T) bool."""
        if not self.is_dense:
            return self._structure.visible(shown)
        block = torch.zeros((len(shown), self.n_rows * self.n_columns), device=shown.device)
        block.scatter_add_(1, self.code, shown.to(block.dtype))  # a padded place adds 0
        return DenseGraph(block.view(-1, self.n_rows, self.n_columns))

    def is_known(self, code: Tensor) -> Tensor:
        """(B, P) which pairs, as row * S + column, are training associations."""
        if self.is_dense:
            return self.all_visible.block.flatten(1).gather(1, code) > 0
        place = torch.searchsorted(self._sorted, code).clamp(max=self._sorted.shape[1] - 1)
        return self._sorted.gather(1, place) == code
