"""AUC and average precision, at 1:1 and with every pair alike: they need no threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from model.evaluation.metrics.interface import Metric
from model.evaluation.metrics.ranked import Balance, RankedFold

if TYPE_CHECKING:
    from torch import Tensor

    from model.evaluation.metrics.ranked_folds import RankedFolds, Rankings


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve, of labels 1 and 0 and the scores of the same pairs."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def auc_of_rankings(rankings: Rankings) -> Tensor:
    """(R,) Mann-Whitney U: the unknown pairs below each held-out one, ties counting one half."""
    below = (rankings.n_below + rankings.n_at_most) / 2
    pairs = (rankings.n_held_out * rankings.n_unknown)[:, 0]
    return (below * rankings.is_held_out).sum(dim=1) / pairs


def _average_precision(fold: RankedFold, balance: Balance) -> float:
    from sklearn.metrics import average_precision_score

    weights = replace(fold, balance=balance).weights
    return float(average_precision_score(fold.labels, fold.scores, sample_weight=weights))


def _average_precision_of_folds(folds: RankedFolds, balance: Balance) -> Tensor:
    """Mean over the held-out associations of the precision among all that score as much or more."""
    ranked = folds.all_pairs
    found, alarms = ranked.n_found, ranked.n_unknown - ranked.n_below
    if balance == "1:1":
        found, alarms = found / ranked.n_held_out, alarms / ranked.n_unknown
    precision = found / (found + alarms)
    return (precision * ranked.is_held_out).nan_to_num().sum(dim=1) / ranked.n_held_out[:, 0]


AUC = Metric(
    meaning="chance that a held-out association scores above another pair; 0.5 is a coin",
    label="AUC",
    plain=lambda fold: auc(fold.labels, fold.scores),
    batched=lambda folds: auc_of_rankings(folds.all_pairs),
)
AVERAGE_PRECISION = Metric(
    meaning="precision, averaged over the thresholds that each find one association more",
    label="AP",
    plain=lambda fold: _average_precision(fold, fold.balance),
    batched=lambda folds: _average_precision_of_folds(folds, folds.balance),
)
AVERAGE_PRECISION_AS_IS = Metric(
    meaning="as AP, but every pair weighs alike: the more unknown pairs, the lower it is",
    label="AP as is",
    plain=lambda fold: _average_precision(fold, "as is"),
    batched=lambda folds: _average_precision_of_folds(folds, "as is"),
)
