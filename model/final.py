"""The model that is handed out: one configuration trained on all development associations."""

from __future__ import annotations

import numpy as np

from model.autoencoder import Configuration
from model.datasets import AssociationDataset
from model.similarities import Similarities
from model.training import Trainer


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
    trainer = Trainer(config, Similarities.of(dataset, device), train_pairs, seed=seed)
    for _ in range(config.training.epochs):
        trainer.train_epoch()
    mirna, small_molecule = np.indices((n_mirnas, n_small_molecules))
    pairs = np.stack((mirna.ravel(), small_molecule.ravel() + n_mirnas))
    return trainer.probabilities(pairs).reshape(n_mirnas, n_small_molecules)
