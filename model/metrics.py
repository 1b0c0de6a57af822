"""What a ranking is worth: AUC, average precision and the paper's indicators (equation 1).

Shape legend: H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

METRICS = ("auc", "ap", "acc", "pre", "sen", "spe", "f1", "mcc")


def ranking_metrics(
    held_out: np.ndarray, unknown: np.ndarray, *, threshold: float | None = 0.5
) -> dict[str, float]:
    """Measure how held-out associations rank among other pairs.

    All but the AUC depend on how many unknown pairs there are for one association, which says
    nothing about a model. They are therefore given at 1:1: each class weighs one half in all, as
    if as many unknown pairs as associations had been drawn, over and over. Where the classes are
    of one size already, as under the ``paper`` protocol, these are the plain figures.

    Args:
        held_out: (H,) scores of held-out associations, higher is more likely.
        unknown: (U,) scores of the pairs they are ranked against.
        threshold: a score of at least this counts as a predicted association; None for scores
            that are no probabilities: the indicators that need one are then NaN.

    Returns:
        The keys of `METRICS`, each a fraction (mcc in [-1, 1]); NaN for all where a score is NaN.
    """
    scores = np.concatenate((held_out, unknown))
    if not np.isfinite(scores).all():
        return dict.fromkeys(METRICS, float("nan"))
    labels = np.repeat([1, 0], [len(held_out), len(unknown)])
    weights = np.repeat([1 / len(held_out), 1 / len(unknown)], [len(held_out), len(unknown)])
    values = {
        "auc": roc_auc_score(labels, scores),
        "ap": average_precision_score(labels, scores, sample_weight=weights),
    }
    if threshold is None:
        values |= dict.fromkeys(METRICS[2:], float("nan"))
    else:
        values |= _indicators(
            float(np.mean(held_out >= threshold)), float(np.mean(unknown >= threshold))
        )
    return {name: float(value) for name, value in values.items()}


def _indicators(sen: float, fall_out: float) -> dict[str, float]:
    """Equation 1 for classes of one size, from sensitivity and 1 - specificity."""
    spe = 1 - fall_out
    predicted = sen + fall_out
    spread = np.sqrt(predicted * (2 - predicted))
    return {
        "acc": (sen + spe) / 2,
        "pre": sen / predicted if predicted else 0.0,
        "sen": sen,
        "spe": spe,
        "f1": 2 * sen / (1 + predicted),
        "mcc": (sen - fall_out) / spread if spread else 0.0,
    }
