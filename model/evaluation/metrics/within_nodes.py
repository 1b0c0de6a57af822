"""What a user gets who reads the list of one row, or of one column: means over nodes.

Each node's own pairs are ranked among themselves. The mean is over the nodes that have held-out
associations and pairs to rank them against; each counts the same, however many it has. Where a
fold has no such node the metric is NaN: in a case study of a row, each column has one pair. A row
is a thing of the first kind, a column one of the second, as in the matrix of associations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from model.evaluation.metrics.interface import Metric
from model.evaluation.metrics.ranked import RankedFold
from model.evaluation.metrics.ranking import auc, auc_of_rankings
from model.evaluation.metrics.top_of_list import expected_hits, hits_of_rankings

if TYPE_CHECKING:
    from torch import Tensor

    from model.evaluation.metrics.ranked_folds import RankedFolds, Rankings

RECALL_K = 10

Side = Literal["row", "column"]
# From the scores of one node's held-out associations and of its other pairs.
OfNode = Callable[[np.ndarray, np.ndarray], float]


def own_scores(fold: RankedFold, side: Side) -> list[tuple[np.ndarray, np.ndarray]]:
    """The scores of each node's held-out associations, and of its other pairs.

    A pair is that of its lower node's row and of its higher node's column.
    """
    assert fold.pairs is not None
    node = np.min if side == "row" else np.max
    held_out, unknown = (node(pairs, axis=0) for pairs in fold.pairs)
    # Sorted by node once: a mask for each would go through all pairs as often as there are nodes.
    order = np.argsort(unknown, kind="stable")
    unknown, scores = unknown[order], fold.unknown[order]
    return [
        (
            fold.held_out[held_out == one],
            scores[slice(*np.searchsorted(unknown, [one, one + 1]))],
        )
        for one in np.intersect1d(held_out, unknown)
    ]


def _mean(side: Side, of_node: OfNode) -> Callable[[RankedFold], float]:
    def plain(fold: RankedFold) -> float:
        values = [of_node(*scores) for scores in own_scores(fold, side)]
        return float(np.mean(values)) if values else float("nan")

    return plain


def _mean_of_folds(
    side: Side, of_nodes: Callable[[Rankings], Tensor]
) -> Callable[[RankedFolds], Tensor]:
    def batched(folds: RankedFolds) -> Tensor:
        rankings = folds.of_rows if side == "row" else folds.of_columns
        return rankings.mean_of_folds(of_nodes(rankings))

    return batched


def _auc_of_node(held_out: np.ndarray, unknown: np.ndarray) -> float:
    labels = np.repeat([1, 0], [len(held_out), len(unknown)])
    return auc(labels, np.concatenate((held_out, unknown)))


def _recall_of_node(held_out: np.ndarray, unknown: np.ndarray) -> float:
    """Over the most that ten places can hold (Liang et al. 2018, section 4.2)."""
    return expected_hits(held_out, unknown, RECALL_K) / min(RECALL_K, len(held_out))


def _recall_of_nodes(rankings: Rankings) -> Tensor:
    most = rankings.n_held_out[:, 0].clamp(max=RECALL_K)
    return hits_of_rankings(rankings, RECALL_K) / most


def _auc_within(side: Side) -> Metric:
    return Metric(
        meaning=f"AUC within the pairs of one {side}, the mean over those that have held-out"
        " associations",
        label=f"AUC/{{{side}}}",
        plain=_mean(side, _auc_of_node),
        batched=_mean_of_folds(side, auc_of_rankings),
        needs_pairs=True,
    )


def _recall_within(side: Side) -> Metric:
    return Metric(
        meaning=f"share of the held-out associations of one {side} (of ten, if there are more)"
        f" among its {RECALL_K} best pairs, the mean over those that have any",
        label=f"R@{RECALL_K}/{{{side}}}",
        plain=_mean(side, _recall_of_node),
        batched=_mean_of_folds(side, _recall_of_nodes),
        needs_pairs=True,
    )


AUC_BY_ROW = _auc_within("row")
AUC_BY_COLUMN = _auc_within("column")
RECALL_AT_10_BY_ROW = _recall_within("row")
RECALL_AT_10_BY_COLUMN = _recall_within("column")
