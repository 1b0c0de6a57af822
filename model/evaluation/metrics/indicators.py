"""The paper's indicators (equation 1): what is right once a threshold turns scores into yes or no.

Each is a formula of three rates: sensitivity, fall-out (1 - specificity) and the share of
associations among all pairs, 0.5 for classes of one size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from model.evaluation.metrics.interface import Metric
from model.evaluation.metrics.ranked import RankedFold

if TYPE_CHECKING:
    from torch import Tensor

    from model.evaluation.metrics.ranked_folds import RankedFolds


def _accuracy(sen: float, fall_out: float, share: float) -> float:
    return share * sen + (1 - share) * (1 - fall_out)


def _precision(sen: float, fall_out: float, share: float) -> float:
    predicted = _predicted(sen, fall_out, share)
    return share * sen / predicted if predicted else 0.0


def _sensitivity(sen: float, fall_out: float, share: float) -> float:
    return sen


def _specificity(sen: float, fall_out: float, share: float) -> float:
    return 1 - fall_out


def _f1(sen: float, fall_out: float, share: float) -> float:
    return 2 * (share * sen) / (share + _predicted(sen, fall_out, share))


def _mcc(sen: float, fall_out: float, share: float) -> float:
    predicted = _predicted(sen, fall_out, share)
    variance = predicted * (1 - predicted)
    if variance <= 0:  # all pairs are predicted alike; rounding may leave it below zero
        return 0.0
    return math.sqrt(share * (1 - share)) * (sen - fall_out) / math.sqrt(variance)


def _predicted(sen: float, fall_out: float, share: float) -> float:
    """Share of the pairs that are predicted to be associations."""
    return share * sen + (1 - share) * fall_out


def _rates(folds: RankedFolds) -> Tensor:
    return folds.rates


def _indicator(label: str, meaning: str, formula: Callable[[float, float, float], float]) -> Metric:
    def plain(fold: RankedFold) -> float:
        sen, fall_out = (
            float(np.mean(scores >= fold.threshold)) for scores in (fold.held_out, fold.unknown)
        )
        return formula(sen, fall_out, fold.share)

    return Metric(
        meaning=meaning,
        label=label,
        plain=plain,
        batched=_rates,
        finish=formula,
        needs_threshold=True,
    )


ACCURACY = _indicator("ACC", "fraction of the pairs that are predicted right", _accuracy)
PRECISION = _indicator("PRE", "fraction of the predicted that are associations", _precision)
SENSITIVITY = _indicator("SEN", "fraction of the associations that are predicted", _sensitivity)
SPECIFICITY = _indicator("SPE", "fraction of the other pairs that are not predicted", _specificity)
F1 = _indicator("F1", "harmonic mean of precision and sensitivity", _f1)
MCC = _indicator("MCC", "correlation of what is predicted with what is, in [-1, 1]", _mcc)
