"""ROC and precision-recall curves of the winner on its development folds.

Shape legend: H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import auc, precision_recall_curve, roc_curve

from model.data.datasets import AssociationDataset
from model.evaluation.folds import Fold
from model.evaluation.metrics.ranked import Balance
from model.network.autoencoder import Configuration
from model.training.cross_validation import CrossValidation
from tuning.metric import AUC

POINTS = 200  # of a curve: more cannot be seen


def winner_curves(
    configuration: Configuration,
    dataset: AssociationDataset,
    folds: tuple[Fold, ...],
    seed: int,
    checkpoint: Path,
) -> dict[str, Any]:
    """Score every fold's held-out pairs with the weights the trial ended with; nothing is trained.

    Args:
        seed: of the study.
        checkpoint: folder that `CrossValidation.save` wrote.

    Returns:
        ``balance`` of the protocol; ``epoch`` of the weights; ``folds``: of each as `fold_curves`.
    """
    validation = CrossValidation(configuration, dataset, folds, seed=seed)
    validation.load(checkpoint)
    return {
        "balance": folds[0].balance,
        "epoch": validation.epoch,
        "folds": [
            fold_curves(
                validation.replicas.probabilities(k, fold.held_out).cpu().numpy(),
                validation.replicas.probabilities(k, fold.ranked_against).cpu().numpy(),
                balance=fold.balance,
            )
            for k, fold in enumerate(folds)
        ],
    }


def fold_curves(held_out: np.ndarray, unknown: np.ndarray, *, balance: Balance) -> dict[str, Any]:
    """ROC and precision-recall curve of one fold, at most `POINTS` points each.

    Precision depends on how many unknown pairs there are, so at 1:1 the two classes weigh alike, as
    in `model.evaluation.metrics.table.ranking_metrics`; the ROC curve does not depend on it.

    Args:
        held_out: (H,) scores of held-out associations, higher is more likely.
        unknown: (U,) scores of the pairs they are ranked against.

    Returns:
        ``fpr`` and ``tpr``, ``recall`` and ``precision``, the same ``_as_is`` where every pair
        counts once, each a list of fractions; ``auc``, the area under the full ROC curve.
    """
    scores = np.concatenate((held_out, unknown))
    labels, weights = _labels(held_out, unknown, balance)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(labels, scores, sample_weight=weights)
    as_is, recall_as_is, _ = precision_recall_curve(labels, scores)
    thin = _thinned(len(recall_as_is))
    roc, pr = _thinned(len(fpr)), _thinned(len(recall))
    return {
        "fpr": _list(fpr[roc]),
        "tpr": _list(tpr[roc]),
        "recall": _list(recall[pr]),
        "precision": _list(precision[pr]),
        "recall_as_is": _list(recall_as_is[thin]),
        "precision_as_is": _list(as_is[thin]),
        AUC: float(auc(fpr, tpr)),
    }


def _labels(
    held_out: np.ndarray, unknown: np.ndarray, balance: Balance
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and weights of the pairs, the held-out ones first."""
    sizes = [len(held_out), len(unknown)]
    each = [1 / size for size in sizes] if balance == "1:1" else [1.0, 1.0]
    return np.repeat([1, 0], sizes), np.repeat(each, sizes)


def _thinned(length: int) -> np.ndarray:
    """Indices of at most `POINTS` points, both ends among them."""
    return np.unique(np.linspace(0, length - 1, min(length, POINTS)).round().astype(int))


def _list(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]
