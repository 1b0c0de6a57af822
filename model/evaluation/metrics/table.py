"""The table of metrics, and measuring with all of them: one fold, or all folds at once.

A new metric is a `Metric` in a file of its own and a line in `METRICS`. `ranking_metrics` measures
one fold by the plain definitions, `fold_metrics` a trial's folds by the batched ones.

Shape legend: H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from model.evaluation.metrics.indicators import (
    ACCURACY,
    F1,
    MCC,
    PRECISION,
    SENSITIVITY,
    SPECIFICITY,
)
from model.evaluation.metrics.interface import Metric
from model.evaluation.metrics.ranked import Balance, RankedFold
from model.evaluation.metrics.ranking import AUC, AVERAGE_PRECISION, AVERAGE_PRECISION_AS_IS
from model.evaluation.metrics.top_of_list import HITS_AT_100, NDCG, RECALL_AT_1_PERCENT
from model.evaluation.metrics.within_nodes import (
    AUC_BY_COLUMN,
    AUC_BY_ROW,
    RECALL_AT_10_BY_COLUMN,
    RECALL_AT_10_BY_ROW,
)
from model.table import Table

if TYPE_CHECKING:
    from torch import Tensor

    from model.evaluation.metrics.ranked_pairs import RankedPairs

METRICS: Table[Metric] = Table(
    "metric",
    "mmatune.metrics",
    {
        "auc": AUC,
        "ap": AVERAGE_PRECISION,
        "ap_as_is": AVERAGE_PRECISION_AS_IS,
        "hits_at_100": HITS_AT_100,
        "recall_at_1_percent": RECALL_AT_1_PERCENT,
        "ndcg": NDCG,
        "auc_by_row": AUC_BY_ROW,
        "auc_by_column": AUC_BY_COLUMN,
        "recall_at_10_by_row": RECALL_AT_10_BY_ROW,
        "recall_at_10_by_column": RECALL_AT_10_BY_COLUMN,
        "acc": ACCURACY,
        "pre": PRECISION,
        "sen": SENSITIVITY,
        "spe": SPECIFICITY,
        "f1": F1,
        "mcc": MCC,
    },
)


def ranking_metrics(
    held_out: np.ndarray,
    unknown: np.ndarray,
    *,
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
    threshold: float | None = 0.5,
    balance: Balance = "1:1",
) -> dict[str, float]:
    """Measure how held-out associations rank among other pairs.

    AP and the indicators depend on how many unknown pairs there are for one association, which
    says nothing about a model. They are therefore given at 1:1: each class weighs one half in all,
    as if as many unknown pairs as associations had been drawn, over and over. Where the classes are
    of one size already, as under the ``paper`` protocol, these are the plain figures. The metrics
    of a list that somebody reads (`top_of_list.py`, `within_nodes.py`, ``ap_as_is``) are of all
    pairs alike.

    Args:
        held_out: (H,) scores of held-out associations, higher is more likely.
        unknown: (U,) scores of the pairs they are ranked against.
        pairs: (2, H) and (2, U) node pairs of these scores; without them, a metric that looks at
            nodes is NaN.
        threshold: a score of at least this counts as a predicted association; None for scores
            that are no probabilities: the indicators that need one are then NaN.
        balance: "as is" weighs every pair alike instead. AP and the indicators then depend on U / H
            and may be compared with those of the same U / H only.

    Returns:
        A value for each of `METRICS`, in their order; NaN for all where a score is not finite.
    """
    fold = RankedFold(
        held_out=held_out, unknown=unknown, pairs=pairs, threshold=threshold, balance=balance
    )
    values = dict.fromkeys(METRICS, math.nan)
    if np.isfinite(fold.scores).all():
        values |= {
            name: float(metric.plain(fold))
            for name, metric in METRICS.items()
            if metric.applies_to(fold)
        }
    return values


def fold_metrics(
    held_out: Sequence[Tensor],
    unknown: Sequence[Tensor],
    *,
    pairs: RankedPairs | None = None,
    threshold: float | None = 0.5,
    balance: Balance = "1:1",
) -> list[dict[str, float]]:
    """`ranking_metrics` of several folds at once, on the device of their scores.

    The host waits for the device once, and once more for each fold where another package's metric
    has no batched form.

    Args:
        held_out: of each fold (H,) float64 scores; ``unknown`` likewise (U,).
        pairs: of these scores, on the same device.
    """
    import torch

    from model.evaluation.metrics.ranked_folds import RankedFolds

    folds = RankedFolds(
        held_out=held_out, unknown=unknown, pairs=pairs, threshold=threshold, balance=balance
    )
    metrics = {name: metric for name, metric in METRICS.items() if metric.applies_to(folds)}
    with torch.no_grad():
        columns = {
            name: metric.batched(folds).reshape(len(held_out), -1)
            for name, metric in metrics.items()
            if metric.batched
        }
        is_finite = folds.is_finite[:, None].double()
        rows = torch.cat([is_finite, *columns.values()], dim=1).tolist()  # the only wait
    results = []
    for k, (is_finite, *numbers) in enumerate(rows):
        values = dict.fromkeys(METRICS, math.nan)
        if is_finite:
            remaining = iter(numbers)
            for name, of_folds in columns.items():
                values[name] = metrics[name].finish(*islice(remaining, of_folds.shape[1]))
            for name in metrics.keys() - columns.keys():
                values[name] = float(metrics[name].plain(folds.to_host(k)))
        results.append(values)
    return results
