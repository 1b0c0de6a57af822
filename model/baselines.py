"""Baselines: what a study's winner has to beat, computed on the same folds.

Each takes the training associations of a fold and the similarities, and scores every pair.

Shape legend: M miRNAs, S small molecules, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from model.cross_validation import Evaluation
from model.datasets import AssociationDataset
from model.metrics import ranking_metrics
from model.protocols import Fold

Baseline = Callable[[AssociationDataset, Fold], np.ndarray]

# Grid of the inner cross-validation: share of the GIP kernel and ridge strength, on each side.
_GIP_SHARES_M = (0.0, 0.5, 0.75)
_GIP_SHARES_S = (0.0, 0.5, 1.0)
_LAMBDAS_M = (1.0, 3.0, 10.0, 30.0)
_LAMBDAS_S = (0.1, 1.0)
_INNER_FOLDS = 5


def additive_degree(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): number of known associations of the miRNA plus that of the small molecule."""
    a_MS = _training_matrix(dataset, fold.train_pairs)
    return a_MS.sum(axis=1, keepdims=True) + a_MS.sum(axis=0, keepdims=True)


def kernel_ridge_similarity(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): two-sided kernel ridge regression on the similarities, tuned by inner CV."""
    return _tuned_kernel_ridge(dataset, fold, (0.0,), (0.0,))


def kernel_ridge_similarity_gip(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): as above, on a mix of similarity and GIP kernel, each side's mix tuned too."""
    return _tuned_kernel_ridge(dataset, fold, _GIP_SHARES_M, _GIP_SHARES_S)


BASELINES: dict[str, Baseline] = {
    "additive degree": additive_degree,
    "kernel ridge similarity": kernel_ridge_similarity,
    "kernel ridge similarity+GIP": kernel_ridge_similarity_gip,
}


def evaluate_baseline(
    baseline: Baseline, dataset: AssociationDataset, folds: Sequence[Fold]
) -> Evaluation:
    """Measure a baseline on the folds of a protocol. Its scores are no probabilities."""
    results = []
    # On matrices this small, threads spend their time waiting for each other.
    with threadpool_limits(limits=1):
        for fold in folds:
            scores = score_node_pairs(baseline(dataset, fold))
            results.append(
                ranking_metrics(scores(fold.held_out), scores(fold.ranked_against), threshold=None)
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


def gip_kernel(profiles: np.ndarray) -> np.ndarray:
    """Gaussian interaction profile kernel, exp(-|a_i - a_j|^2 / mean_i |a_i|^2).

    Args:
        profiles: (n, d), a node's training associations as a 0/1 row (van Laarhoven et al. 2011).

    Returns:
        (n, n) in (0, 1].
    """
    squared = (profiles**2).sum(axis=1)
    distance = np.maximum(squared[:, None] + squared[None, :] - 2 * profiles @ profiles.T, 0)
    return np.exp(-distance / squared.mean())


def _training_matrix(dataset: AssociationDataset, pairs: np.ndarray) -> np.ndarray:
    a_MS = np.zeros(dataset.associations.shape)
    a_MS[pairs[:, 0], pairs[:, 1]] = 1
    return a_MS


def _tuned_kernel_ridge(
    dataset: AssociationDataset,
    fold: Fold,
    shares_M: Sequence[float],
    shares_S: Sequence[float],
) -> np.ndarray:
    """Fit the setting that ranks best, on average, in an inner CV of the training associations."""
    rng = np.random.default_rng(0)
    groups = np.unique(fold.train_groups, return_inverse=True)[1]
    part = rng.integers(_INNER_FOLDS, size=groups.max() + 1)[groups]
    settings = list(product(shares_M, _LAMBDAS_M, shares_S, _LAMBDAS_S))
    scores = np.zeros(len(settings))
    for k in range(_INNER_FOLDS):
        held_out = fold.train_pairs[part == k]
        if len(held_out) in (0, len(part)):
            continue
        a_MS = _training_matrix(dataset, fold.train_pairs[part != k])
        # All pairs but the inner training associations are ranked; those the model has seen.
        ranked = a_MS == 0
        labels = _training_matrix(dataset, held_out)[ranked]
        smoothed = _smoothers(dataset, a_MS, shares_M, shares_S)
        scores += [roc_auc_score(labels, smoothed(a_MS, *setting)[ranked]) for setting in settings]
    best = settings[int(scores.argmax())]
    a_MS = _training_matrix(dataset, fold.train_pairs)
    return _smoothers(dataset, a_MS, shares_M, shares_S)(a_MS, *best)


def _smoothers(
    dataset: AssociationDataset,
    a_MS: np.ndarray,
    shares_M: Sequence[float],
    shares_S: Sequence[float],
) -> Callable[[np.ndarray, float, float, float, float], np.ndarray]:
    """Fits K_M (K_M + l_M)^-1 A (K_S + l_S)^-1 K_S for any setting of the grid."""
    side_M = _smoother(dataset.mirna_similarity, a_MS, shares_M, _LAMBDAS_M)
    side_S = _smoother(dataset.small_molecule_similarity, a_MS.T, shares_S, _LAMBDAS_S)

    def fit(
        a_MS: np.ndarray, share_M: float, lambda_M: float, share_S: float, lambda_S: float
    ) -> np.ndarray:
        return side_M[share_M, lambda_M] @ a_MS @ side_S[share_S, lambda_S]

    return fit


def _smoother(
    similarity: np.ndarray,
    profiles: np.ndarray,
    shares: Sequence[float],
    lambdas: Sequence[float],
) -> dict[tuple[float, float], np.ndarray]:
    """K (K + lambda)^-1 of one side, for each share of the GIP kernel and each lambda."""
    gip = gip_kernel(profiles)
    smoothers = {}
    for share in shares:
        values, vectors = np.linalg.eigh((1 - share) * similarity + share * gip)
        # A similarity matrix may have slightly negative eigenvalues; a kernel has none.
        values = np.maximum(values, 0)
        for ridge in lambdas:
            smoothers[share, ridge] = (vectors * (values / (values + ridge))) @ vectors.T
    return smoothers
