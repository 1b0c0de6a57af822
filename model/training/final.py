"""The model that is handed out: one configuration trained on all that may be known.

It is the mean of a few models that differ in their seed alone. Before a study is confirmed it is
trained on all development associations; once there is nothing left to hide, on all associations.

Shape legend: M rows, S columns, T training associations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.calibration import Calibration, FoldScores, calibrate
from model.evaluation.fresh_splits import DevelopmentPart
from model.evaluation.protocols import Fold
from model.network.autoencoder import Configuration
from model.training.cross_validation import fold_seed
from model.training.replicas import Replicas

# Models whose mean is handed out: what one seed adds by luck, another takes away.
SEEDS = 3


@dataclass(frozen=True, eq=False)
class FinalModel:
    """A trained model and what it says of every pair.

    Args:
        config: the configuration; its ``training.seeds`` models are averaged.
        train_pairs: (T, 2), what it was trained on.
        seed: it was trained with.
        probability: (M, S), calibrated; that of a training association means nothing.
        calibration: how scores became probabilities.
        similarities: what it knows of the nodes.
        state: weights, statistics and optimiser state, on the CPU; see `BatchedTrainer.state`.
    """

    config: Configuration
    train_pairs: np.ndarray
    seed: int
    probability: np.ndarray
    calibration: Calibration
    similarities: Similarities
    state: dict[str, Tensor]


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
        (M, S) scores between 0 and 1, as the model gives them; `final_model` calibrates them.
    """
    replicas = Replicas(config, Similarities.of(dataset, device), [train_pairs], [seed])
    replicas.train(config.training.epochs)
    return replicas.every_pair(0)


def to_hand_out(config: Configuration) -> Configuration:
    """The configuration with at least `SEEDS` models to average, see ``training.seeds``."""
    dotted = config.dotted()
    return Configuration.from_dotted(
        {**dotted, "training.seeds": max(SEEDS, config.training.seeds)}
    )


def final_model(
    config: Configuration,
    part: DevelopmentPart,
    folds: Sequence[Fold],
    train_pairs: np.ndarray,
    *,
    seed: int,
    device: str = "cpu",
) -> FinalModel:
    """Train the final model; calibrate it by the scores that models of the folds gave to held-out
    associations and to unknown pairs.

    Args:
        config: of a single model, or of a larger ensemble; see `to_hand_out`.
        part: the network without its sealed associations, and the list of those: the calibration
            leaves them out, and nothing else reads it.
        folds: development folds; the sealed part is in none of them.
        train_pairs: (T, 2), all that may be known.

    Returns:
        The model; its probabilities are in the order of `final_probabilities` of its configuration.
    """
    config = to_hand_out(config)
    dataset = part.dataset
    unknown = dataset.associations == 0
    never_ranked = np.zeros_like(unknown)
    never_ranked[tuple(part.never_ranked.T)] = True
    similarities = Similarities.of(dataset, device)
    of_folds = Replicas(
        config,
        similarities,
        [fold.train_pairs for fold in folds],
        [fold_seed(seed, k) for k in range(len(folds))],
    )
    of_folds.train(config.training.epochs)
    scores = []
    for k, fold in enumerate(folds):
        held_out = np.zeros_like(unknown)
        held_out[fold.held_out[0], fold.held_out[1] - len(dataset.rows)] = True
        scores.append(FoldScores.of(of_folds.every_pair(k), held_out, unknown, never_ranked))
    return _trained(config, similarities, unknown, calibrate(scores), train_pairs, seed)


def refit(measured: FinalModel, dataset: AssociationDataset, *, device: str = "cpu") -> FinalModel:
    """The same configuration and seeds, trained on every association: the model for use.

    No pair is left to measure it on. Its probabilities are made by the calibration of the measured
    model, whose folds had fewer associations to train on.

    Args:
        measured: the model that was measured, trained without the sealed part.
        dataset: with all its associations.
    """
    return _trained(
        measured.config,
        Similarities.of(dataset, device),
        dataset.associations == 0,
        measured.calibration,
        dataset.association_pairs,
        measured.seed,
    )


def _trained(
    config: Configuration,
    similarities: Similarities,
    unknown: np.ndarray,
    calibration: Calibration,
    train_pairs: np.ndarray,
    seed: int,
) -> FinalModel:
    """The final model itself; ``unknown`` (M, S) marks the pairs that are not trained on."""
    final = Replicas(config, similarities, [train_pairs], [seed])
    final.train(config.training.epochs)
    return FinalModel(
        config=config,
        train_pairs=train_pairs,
        seed=seed,
        probability=calibration.probabilities(final.every_pair(0), unknown),
        calibration=calibration,
        similarities=Similarities(similarities.row.cpu(), similarities.column.cpu()),
        state=final.trainer.state(),
    )
