"""The model that is handed out where an ensemble is better than every single configuration.

Each member is trained as a single final model is. What they say is combined as it was on the folds,
see `model.evaluation.ensemble`.

Shape legend: M rows, S columns, K folds, H held-out associations, U unknown pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from model.evaluation.calibration import Calibration, FoldScores, calibrate
from model.evaluation.ensemble import OutOfFold, combined
from model.evaluation.folds import Fold
from model.training.final import FinalModel


@dataclass(frozen=True, eq=False)
class FinalEnsemble:
    """Trained models and what their mean says of every pair.

    Args:
        members: by name, all trained on the same pairs.
        weights: of each member, how often it was chosen.
        probability: (M, S), calibrated; that of a training association means nothing.
        calibration: how the mean became probabilities.
    """

    members: Mapping[str, FinalModel]
    weights: Mapping[str, int]
    probability: np.ndarray
    calibration: Calibration


def final_ensemble(
    members: Mapping[str, FinalModel],
    weights: Mapping[str, int],
    unknown: np.ndarray,
    calibration: Calibration,
) -> FinalEnsemble:
    """Combine trained members.

    Args:
        unknown: (M, S), marks the pairs that they were not trained on.
        calibration: of `calibrated`.
    """
    probability = calibration.probabilities(_mean(members, weights, unknown), unknown)
    return FinalEnsemble(members, weights, probability, calibration)


def calibrated(
    library: Mapping[str, OutOfFold], weights: Mapping[str, int], folds: Sequence[Fold]
) -> Calibration:
    """The map to probabilities, by what the members scored out of fold.

    Args:
        library: of each member its scores on the development folds; the sealed part is in none.
    """
    found = []
    for scores, fold in zip(combined(library, weights), folds, strict=True):
        held_out, unknown = np.split(scores, [fold.held_out.shape[1]])
        mean, sd = unknown.mean(), unknown.std()
        found.append(FoldScores((held_out - mean) / sd, (unknown - mean) / sd))
    return calibrate(found)


def _mean(
    members: Mapping[str, FinalModel], weights: Mapping[str, int], unknown: np.ndarray
) -> np.ndarray:
    """(M, S) between 0 and 1: the weighted mean of the logits of each member's ranks.

    The ranks are those among unknown pairs, as on a fold, where no training association is ranked.
    One of these gets the rank that an unknown pair of its score would have.
    """
    total = np.zeros(unknown.shape)
    for name, weight in weights.items():
        scores = members[name].probability
        ordered = np.sort(scores[unknown])
        below, up_to = (np.searchsorted(ordered, scores, side=side) for side in ("left", "right"))
        ranks = np.clip((below + up_to + 1) / 2, 1, len(ordered))  # of ties the mean, as on a fold
        total += weight * logit(ranks / (len(ordered) + 1))
    shares: np.ndarray = expit(total / sum(weights.values()))
    return shares
