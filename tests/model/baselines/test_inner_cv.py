"""The inner cross-validation: what it hands to a method, what it picks, its AUC."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from model.baselines.inner_cv import Fit, auc, best_setting, fit_tuned, training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, Fold, development_folds


@pytest.fixture
def fold(tiny: AssociationDataset) -> Fold:
    return development_folds(tiny, HONEST, seed=0)[0]


def test_auc_is_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(300) < 0.2
    scores = rng.integers(20, size=300) + 3.0 * labels
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_the_setting_that_ranks_best_is_fitted_to_all_training_associations(
    tiny: AssociationDataset, fold: Fold
) -> None:
    """Settings are signs of one good score matrix, so one ranks perfectly and one reversed."""
    seen = []

    def method(dataset: AssociationDataset, a_MS: np.ndarray) -> Fit:
        seen.append(a_MS)
        truth = training_matrix(dataset, fold.train_pairs)
        return lambda setting: setting[0] * truth

    scores = fit_tuned(method, [(-1,), (1,), (0,)], tiny, fold)
    assert np.array_equal(scores, seen[-1])
    assert seen[-1].sum() == len(fold.train_pairs)
    held_out = [len(fold.train_pairs) - a_MS.sum() for a_MS in seen[:-1]]
    assert all(count > 0 for count in held_out)
    assert sum(held_out) == len(fold.train_pairs)


def test_groups_stay_together(tiny: AssociationDataset, fold: Fold) -> None:
    """With all associations of a miRNA in one group, an inner part holds out whole miRNAs."""
    by_row = dataclasses.replace(fold, train_groups=fold.train_pairs[:, 0])
    whole = training_matrix(tiny, fold.train_pairs).sum(axis=1)
    parts = []

    def method(dataset: AssociationDataset, a_MS: np.ndarray) -> Fit:
        parts.append(a_MS.sum(axis=1))
        return lambda setting: np.zeros_like(a_MS)

    best_setting(method, [(1,), (2,)], tiny, by_row)
    assert len(parts) > 1
    assert all(((part == 0) | (part == whole)).all() for part in parts)
