"""Baselines: what a study's winner has to beat, computed on the same folds.

Each takes the training associations of a fold and the similarities, and scores every pair. What
can be tuned is tuned by an inner cross-validation of those associations, see `inner_cv.py`.

Shape legend: M miRNAs, S small molecules, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from model.baselines.gradient_boosting import gradient_boosting
from model.baselines.inner_cv import training_matrix
from model.baselines.kernel_ridge import kernel_ridge_similarity, kernel_ridge_similarity_gip
from model.baselines.matrix_factorisation import matrix_factorisation
from model.baselines.neighbour_propagation import neighbour_propagation
from model.data.datasets import AssociationDataset
from model.evaluation.metrics import ranking_metrics
from model.evaluation.protocols import Fold
from model.evaluation.result import Evaluation

Baseline = Callable[[AssociationDataset, Fold], np.ndarray]


def additive_degree(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): number of known associations of the miRNA plus that of the small molecule."""
    a_MS = training_matrix(dataset, fold.train_pairs)
    return a_MS.sum(axis=1, keepdims=True) + a_MS.sum(axis=0, keepdims=True)


BASELINES: dict[str, Baseline] = {
    "additive degree": additive_degree,
    "kernel ridge similarity": kernel_ridge_similarity,
    "kernel ridge similarity+GIP": kernel_ridge_similarity_gip,
    "matrix factorisation (NRLMF)": matrix_factorisation,
    "gradient boosting": gradient_boosting,
    "neighbour propagation": neighbour_propagation,
}


def evaluate_baseline(
    baseline: Baseline, dataset: AssociationDataset, folds: Sequence[Fold]
) -> Evaluation:
    """Measure a baseline on the folds of a protocol. Its scores are no probabilities."""
    results = []
    for fold in folds:
        scores = score_node_pairs(baseline(dataset, fold))
        results.append(
            ranking_metrics(
                scores(fold.held_out),
                scores(fold.ranked_against),
                threshold=None,
                balance=fold.balance,
            )
        )
    return Evaluation(tuple(results))


def score_node_pairs(scores_MS: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Scores of (2, P) node pairs from a score matrix.

    Two nodes of one side score below every real pair: all that a method needs to know to do so is
    that the network is bipartite.
    """
    n_mirnas = len(scores_MS)
    floor = scores_MS.min() - 1

    def score(node_pairs: np.ndarray) -> np.ndarray:
        low, high = node_pairs.min(axis=0), node_pairs.max(axis=0)
        crosses = (low < n_mirnas) & (high >= n_mirnas)
        scores = np.full(node_pairs.shape[1], floor, dtype=np.float64)
        scores[crosses] = scores_MS[low[crosses], high[crosses] - n_mirnas]
        return scores

    return score
