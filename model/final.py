"""The model that is handed out: one configuration trained on all development associations."""

from __future__ import annotations

import numpy as np

from model.autoencoder import Configuration
from model.datasets import AssociationDataset
from model.replicas import Replicas
from model.similarities import Similarities


def final_probabilities(
    config: Configuration,
    dataset: AssociationDataset,
    train_pairs: np.ndarray,
    *,
    seed: int,
    device: str = "cpu",
) -> np.ndarray:
    """Train for the configuration's full budget and score every pair.

    Args:
        train_pairs: (T, 2), all that may be known; the sealed part is not among them.

    Returns:
        (M, S) probability of an association.
    """
    n_mirnas, n_small_molecules = dataset.associations.shape
    replicas = Replicas(config, Similarities.of(dataset, device), [train_pairs], [seed])
    replicas.train(config.training.epochs)
    mirna, small_molecule = np.indices((n_mirnas, n_small_molecules))
    pairs = np.stack((mirna.ravel(), small_molecule.ravel() + n_mirnas))
    return replicas.probabilities(0, pairs).reshape(n_mirnas, n_small_molecules)
