"""Node features: what the encoder knows of a node before it sees any association."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from model.config import Config
from model.datasets import AssociationDataset
from model.errors import InputError


class FeatureConfig(Config):
    """Similarity rows, zero-padded to a common width (paper, "Experimental setup")."""

    dim: int = Field(
        0,
        ge=0,
        description="width after zero-padding; 0 is the larger side (the paper pads dataset2 to"
        " 1050: the columns of zeros only widen the initialisation of the first layer)",
    )


def node_features(dataset: AssociationDataset, config: FeatureConfig) -> np.ndarray:
    """(N, F) float32: row i is node i's similarity row, miRNAs first, padded with zeros.

    Raises:
        InputError: ``features.dim`` is narrower than the larger side.
    """
    sides = (dataset.mirna_similarity, dataset.small_molecule_similarity)
    widest = max(len(side) for side in sides)
    width = config.dim or widest
    if width < widest:
        raise InputError(
            f"{width} is narrower than the {widest} similarities of a node",
            where="features.dim",
            hint=f"use 0 or at least {widest}",
        )
    return np.concatenate(
        [np.pad(side, ((0, 0), (0, width - len(side)))) for side in sides]
    ).astype(np.float32)
