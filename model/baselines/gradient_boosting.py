"""Gradient boosted trees on the similarity rows of a pair.

Shape legend: M rows, S columns, P pairs, D = M + S features, A_MS the 0/1 training
associations.
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from model.baselines.inner_cv import Fit, Setting, fit_tuned
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# The grid: number of trees. All of it comes from one fit, a shorter one being its beginning.
_TREES = (15, 30, 60)
_GRID = [(trees,) for trees in _TREES]
_UNKNOWN_PER_ASSOCIATION = 3
_SEED = 0


def gradient_boosting(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): log-odds of boosted trees on [similarities of the row, of the column].

    The number of trees is tuned by inner CV. The unknown pairs it trains on are a sample, fixed by
    a seed: all of them are five times as many (the features are those of DAESTB, Peng et
    al. 2022, without its autoencoder).
    """
    return fit_tuned(_boosting, _GRID, dataset, fold)


def pair_features(dataset: AssociationDataset, pairs: np.ndarray) -> np.ndarray:
    """(P, D): the similarity row of the row, then that of the column, of (P, 2) pairs."""
    rows = (
        dataset.row_similarity[pairs[:, 0]],
        dataset.column_similarity[pairs[:, 1]],
    )
    return np.concatenate(rows, axis=1)


def _boosting(dataset: AssociationDataset, a_MS: np.ndarray) -> Fit:
    pairs, labels = _training_pairs(a_MS)
    model = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=max(_TREES),
        max_leaf_nodes=8,
        max_bins=32,  # scored as 255 on dataset2, in two thirds of the time
        # No class weights: they slow a fit from 1 to 12 s. The sampling balances the classes.
        early_stopping=False,
        random_state=_SEED,
    )
    model.fit(pair_features(dataset, pairs), labels)
    everything = pair_features(dataset, np.argwhere(np.ones_like(a_MS)))
    scores: dict[int, np.ndarray] = {
        trees: values.reshape(a_MS.shape)
        for trees, values in enumerate(model.staged_decision_function(everything), start=1)
        if trees in _TREES
    }

    def fit(setting: Setting) -> np.ndarray:
        return scores[setting[0]]

    return fit


def _training_pairs(a_MS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P, 2) training associations and a sample of the unknown pairs, and (P,) 0/1 labels."""
    known, unknown = np.argwhere(a_MS == 1), np.argwhere(a_MS == 0)
    count = min(_UNKNOWN_PER_ASSOCIATION * len(known), len(unknown))
    sampled = np.random.default_rng(_SEED).choice(len(unknown), size=count, replace=False)
    return np.concatenate((known, unknown[sampled])), np.repeat([1, 0], [len(known), count])
