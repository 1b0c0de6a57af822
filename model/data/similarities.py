"""What is known of the nodes before any association: the two similarity matrices, on a device.

Shape legend: M rows, S columns, N = M + S nodes, rows first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.data.datasets import AssociationDataset

# A side with more nodes enters the model by the factors of its similarity: rows as wide as the side
# is long would make an epoch grow with the square of it.
LARGEST_WHOLE = 5_000
RANK = 256


def factors(similarity: np.ndarray, rank: int) -> np.ndarray:
    """(n, rank) float32: rows whose products approximate the similarity's best fit of that rank.

    A memory-mapped matrix is read through, never held: the method (Halko et al. 2011) needs a few
    products of it with ``rank`` vectors. Directions of negative eigenvalues count by their size.

    Args:
        similarity: (n, n), symmetric.
    """
    from sklearn.utils.extmath import (
        randomized_svd,
    )  # not at the top: see `model.network.encoders.kinds`

    u, s, _ = randomized_svd(similarity, n_components=rank, n_iter=2, random_state=0)
    factors: np.ndarray = (u * np.sqrt(s)).astype(np.float32)
    return factors


@dataclass(frozen=True, eq=False)
class Similarities:
    """The similarities of each side. Training gets this and training associations, nothing else.

    Shapes: row (M, M), column (S, S), both float32; of a large side (M, r) or (S, r), its
    leading factors, see `factors`.
    """

    row: Tensor
    column: Tensor

    @classmethod
    def of(cls, dataset: AssociationDataset, device: str = "cpu") -> Similarities:
        """The similarities of a data set."""
        sides = (
            side if len(side) <= LARGEST_WHOLE else factors(side, RANK)
            for side in (dataset.row_similarity, dataset.column_similarity)
        )
        return cls(*(torch.tensor(side, dtype=torch.float32, device=device) for side in sides))

    @property
    def n_rows(self) -> int:
        return len(self.row)

    @property
    def n_nodes(self) -> int:
        return len(self.row) + len(self.column)

    def association_matrix(self, edge_index: Tensor) -> Tensor:
        """(M, S) 0/1 block of an edge index that holds both directions of every association."""
        adjacency = torch.zeros((self.n_nodes, self.n_nodes), device=self.row.device)
        adjacency[edge_index[0], edge_index[1]] = 1
        return adjacency[: self.n_rows, self.n_rows :]
