"""What is known of the nodes before any association: the two similarity matrices, on a device.

Shape legend: M miRNAs, S small molecules, N = M + S nodes, miRNAs first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model.datasets import AssociationDataset


@dataclass(frozen=True, eq=False)
class Similarities:
    """The similarities of each side. Training gets this and training associations, nothing else.

    Shapes: mirna (M, M), small_molecule (S, S), both float32.
    """

    mirna: Tensor
    small_molecule: Tensor

    @classmethod
    def of(cls, dataset: AssociationDataset, device: str = "cpu") -> Similarities:
        """The similarities of a data set."""
        sides = (dataset.mirna_similarity, dataset.small_molecule_similarity)
        return cls(*(torch.tensor(side, dtype=torch.float32, device=device) for side in sides))

    @property
    def n_mirnas(self) -> int:
        return len(self.mirna)

    @property
    def n_nodes(self) -> int:
        return len(self.mirna) + len(self.small_molecule)

    def association_matrix(self, edge_index: Tensor) -> Tensor:
        """(M, S) 0/1 block of an edge index that holds both directions of every association."""
        adjacency = torch.zeros((self.n_nodes, self.n_nodes), device=self.mirna.device)
        adjacency[edge_index[0], edge_index[1]] = 1
        return adjacency[: self.n_mirnas, self.n_mirnas :]
