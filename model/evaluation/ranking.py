"""AUC and average precision, which need no threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.evaluation.metric import Metric
from model.evaluation.ranked import RankedFold

if TYPE_CHECKING:
    from torch import Tensor

    from model.evaluation.ranked_folds import RankedFolds


def _auc(fold: RankedFold) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(fold.labels, fold.scores))


def _auc_of_folds(folds: RankedFolds) -> Tensor:
    """Mann-Whitney U: the unknown pairs below each held-out association, ties counting one half."""
    below = (folds.n_below + folds.n_at_most) / 2
    return (below * folds.is_held_out).sum(dim=1) / (folds.n_held_out * folds.n_unknown)[:, 0]


def _average_precision(fold: RankedFold) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(fold.labels, fold.scores, sample_weight=fold.weights))


def _average_precision_of_folds(folds: RankedFolds) -> Tensor:
    """Mean over the held-out associations of the precision among all that score as much or more."""
    found, alarms = folds.n_found, folds.n_unknown - folds.n_below
    if folds.balance == "1:1":
        found, alarms = found / folds.n_held_out, alarms / folds.n_unknown
    precision = found / (found + alarms)
    return (precision * folds.is_held_out).nan_to_num().sum(dim=1) / folds.n_held_out[:, 0]


AUC = Metric(
    meaning="chance that a held-out association scores above another pair; 0.5 is a coin",
    label="AUC",
    plain=_auc,
    batched=_auc_of_folds,
)
AVERAGE_PRECISION = Metric(
    meaning="precision, averaged over the thresholds that each find one association more",
    label="AP",
    plain=_average_precision,
    batched=_average_precision_of_folds,
)
