"""Node features: what the encoder reads of each node.

Features made from associations are computed again for every mask, from the visible ones alone.
Computed once, from all training associations, they would show the encoder the masked ones.

Shape legend: M rows, S columns, N = M + S nodes, F features per node.
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
from model.network.gip import gip_kernels


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
        sides = (similarities.row, similarities.column)
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
        kernels = (gip_kernels(b_MS[None])[0], gip_kernels(b_MS.T[None])[0])
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
