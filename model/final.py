"""The model that is handed out: one configuration trained on all development associations.

Shape legend: M miRNAs, S small molecules, T training associations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.autoencoder import Configuration
from model.calibration import Calibration, FoldScores, calibrate
from model.cross_validation import fold_seed
from model.datasets import AssociationDataset
from model.protocols import Fold
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
        (M, S) scores between 0 and 1, as the model gives them: see `calibrated_probabilities`.
    """
    replicas = Replicas(config, Similarities.of(dataset, device), [train_pairs], [seed])
    replicas.train(config.training.epochs)
    return _every_pair(replicas, 0, dataset)


def calibrated_probabilities(
    config: Configuration,
    dataset: AssociationDataset,
    folds: Sequence[Fold],
    train_pairs: np.ndarray,
    *,
    seed: int,
    device: str = "cpu",
) -> tuple[np.ndarray, Calibration]:
    """The final model's probabilities, by the scores that models of the folds gave to held-out
    associations and to unknown pairs.

    Args:
        folds: development folds; the sealed part is in none of them.

    Returns:
        (M, S) probabilities in the order of `final_probabilities`, and how they came about. Those
        of training associations mean nothing: they were trained on.
    """
    unknown = dataset.associations == 0
    of_folds = Replicas(
        config,
        Similarities.of(dataset, device),
        [fold.train_pairs for fold in folds],
        [fold_seed(seed, k) for k in range(len(folds))],
    )
    of_folds.train(config.training.epochs)
    scores = []
    for k, fold in enumerate(folds):
        held_out = np.zeros_like(unknown)
        held_out[fold.held_out[0], fold.held_out[1] - len(dataset.mirnas)] = True
        scores.append(FoldScores.of(_every_pair(of_folds, k, dataset), held_out, unknown))
    calibration = calibrate(scores)
    final = final_probabilities(config, dataset, train_pairs, seed=seed, device=device)
    return calibration.probabilities(final, unknown), calibration


def _every_pair(replicas: Replicas, k: int, dataset: AssociationDataset) -> np.ndarray:
    n_mirnas, n_small_molecules = dataset.associations.shape
    mirna, small_molecule = np.indices((n_mirnas, n_small_molecules))
    pairs = np.stack((mirna.ravel(), small_molecule.ravel() + n_mirnas))
    return replicas.probabilities(k, pairs).cpu().numpy().reshape(n_mirnas, n_small_molecules)
