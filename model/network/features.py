"""Node features: what the encoder is told of each node.

Whatever comes from associations is computed anew for every mask, from the visible ones alone.
Computed once from all training associations it would tell the encoder the masked ones.

Shape legend: M miRNAs, S small molecules, N = M + S nodes, F features per node.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import normalize, pad

from model.config import Config
from model.data.similarities import Similarities
from model.errors import InputError


class FeatureConfig(Config):
    """Similarity rows, zero-padded to a common width (paper, "Experimental setup")."""

    dim: int = Field(
        0,
        ge=0,
        description="width after zero-padding; 0 is the larger side (the paper pads dataset2 to"
        " 1050: the columns of zeros only widen the initialisation of the first layer)",
    )
    transform: Literal["raw", "centred", "l2"] = Field(
        "raw", description="of each side: as is, minus its column means, or rows of unit length"
    )
    associations: Literal["none", "gip"] = Field(
        "none", description="gip appends the node's row of the visible associations' GIP kernel"
    )


class NodeFeatures:
    """Features of every node, given the visible associations.

    Raises:
        InputError: ``features.dim`` is narrower than the larger side.
    """

    def __init__(self, config: FeatureConfig, similarities: Similarities) -> None:
        self.config = config
        self.similarities = similarities
        sides = (similarities.mirna, similarities.small_molecule)
        self.larger_side = max(len(side) for side in sides)
        widest = max(side.shape[1] for side in sides)
        width = config.dim or widest
        if width < widest:
            raise InputError(
                f"{width} is narrower than the {widest} similarities of a node",
                where="features.dim",
                hint=f"use 0 or at least {widest}",
            )
        self.static = self._rows(sides, width)

    @property
    def width(self) -> int:
        """F."""
        extra = self.larger_side if self.config.associations == "gip" else 0
        return self.static.shape[1] + extra

    def __call__(self, edge_index: Tensor) -> Tensor:
        """(N, F) for the visible associations, an edge index (2, E) with both directions."""
        if self.config.associations == "none":
            return self.static
        b_MS = self.similarities.association_matrix(edge_index)
        kernels = (gip_kernel(b_MS), gip_kernel(b_MS.T))
        return torch.cat((self.static, self._rows(kernels, self.larger_side)), dim=1)

    def _rows(self, sides: tuple[Tensor, Tensor], width: int) -> Tensor:
        rows = []
        for side in sides:
            if self.config.transform == "centred":
                side = side - side.mean(dim=0)
            elif self.config.transform == "l2":
                side = normalize(side)
            rows.append(pad(side, (0, width - side.shape[1])))
        return torch.cat(rows)


def gip_kernel(profiles: Tensor) -> Tensor:
    """Gaussian interaction profile kernel, exp(-|b_i - b_j|^2 / mean_i |b_i|^2).

    Args:
        profiles: (n, d), a node's visible associations as a 0/1 row (van Laarhoven et al. 2011).

    Returns:
        (n, n) in (0, 1]; all ones where there is no association at all.
    """
    squared = (profiles**2).sum(dim=1)
    distance = (squared[:, None] + squared[None, :] - 2 * profiles @ profiles.T).clamp(min=0)
    return torch.exp(-distance / squared.mean().clamp(min=1e-12))
