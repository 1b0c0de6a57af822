"""Choosing a baseline's setting by cross-validation inside the training associations of a fold.

Shape legend: M rows, S columns, P pairs, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# A setting is a tuple of hyperparameters; a fit gives the (M, S) scores of one.
Setting = tuple[Any, ...]
Fit = Callable[[Setting], np.ndarray]
# From data and A_MS to a fit. What all settings share (eigenvectors, neighbours) is done once here.
Method = Callable[[AssociationDataset, np.ndarray], Fit]

_INNER_FOLDS = 5


def fit_tuned(
    method: Method, grid: Sequence[Setting], dataset: AssociationDataset, fold: Fold
) -> np.ndarray:
    """(M, S): scores of the setting of the grid that ranks best in an inner cross-validation.

    The method is never given more than training associations: those of the inner part for
    choosing, then all of them for the scores.
    """
    a_MS = training_matrix(dataset, fold.train_pairs)
    # On matrices this small, threads spend their time waiting for each other.
    with threadpool_limits(limits=1):
        best = best_setting(method, grid, dataset, fold) if len(grid) > 1 else grid[0]
        return method(dataset, a_MS)(best)


def best_setting(
    method: Method, grid: Sequence[Setting], dataset: AssociationDataset, fold: Fold
) -> Setting:
    """The setting with the best mean AUC over the inner folds; the first of equals.

    Associations of one group (``fold.train_groups``) stay together, as they do in the outer folds.
    The held-out part is ranked against every pair but the inner training associations.
    """
    # All methods get the same inner folds, so they do not differ by the luck of the split.
    rng = np.random.default_rng(0)
    groups = np.unique(fold.train_groups, return_inverse=True)[1]
    part = rng.integers(_INNER_FOLDS, size=groups.max() + 1)[groups]
    total = np.zeros(len(grid))
    for k in range(_INNER_FOLDS):
        held_out = fold.train_pairs[part == k]
        if len(held_out) in (0, len(part)):
            continue
        a_MS = training_matrix(dataset, fold.train_pairs[part != k])
        ranked = a_MS == 0
        labels = training_matrix(dataset, held_out)[ranked] == 1
        fit = method(dataset, a_MS)
        total += [auc(labels, fit(setting)[ranked]) for setting in grid]
    return grid[int(total.argmax())]


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve from ranks (Mann-Whitney U); ties count one half.

    Several times as fast as scikit-learn's, which is what a grid spends most of its time on.

    Args:
        labels: (P,) bool, True for an association; both classes must be there.
        scores: (P,) finite.
    """
    positive = int(labels.sum())
    negative = len(labels) - positive
    ranks = rankdata(scores)[labels].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def training_matrix(dataset: AssociationDataset, pairs: np.ndarray) -> np.ndarray:
    """(M, S) float, 1 at the given (P, 2) pairs, 0 elsewhere."""
    a_MS = np.zeros(dataset.associations.shape)
    a_MS[pairs[:, 0], pairs[:, 1]] = 1
    return a_MS
