"""EKRRSMMA: a learner is two ridge regressions, the ensemble their mean over drawn features."""

import numpy as np
import pytest

from model.baselines.compared import ekrrsmma as module
from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds


def test_components_keep_the_variance_and_the_distances() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((10, 3)) @ np.diag([5, 4, 0.01]) + 7
    found = module.principal_components(features)
    assert found.shape == (10, 2)
    apart = np.linalg.norm(features[:, None] - features, axis=2)
    assert np.allclose(np.linalg.norm(found[:, None] - found, axis=2), apart, atol=0.1)


def test_the_kernel_is_its_formula() -> None:
    x = np.array([[1.0, 0], [0, 2], [-1, -2]])
    mean = (1 + 4 + 5) / 3
    assert module.gaussian_kernel(x)[0, 1] == pytest.approx(np.exp(-5 / mean))
    assert np.array_equal(module.gaussian_kernel(np.zeros((3, 2))), np.ones((3, 3)))


def test_scores_are_the_mean_of_the_learners(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three learners that see all features are one; it solves both ridge systems."""
    monkeypatch.setattr(module, "_SHARE_DRAWN", 1.0)
    monkeypatch.setattr(module, "_LEARNERS", 3)
    fold = development_folds(tiny, HONEST, seed=0)[0]
    a = training_matrix(tiny, fold.train_pairs)
    kernels = [
        module.gaussian_kernel(module.principal_components(side))
        for side in (tiny.row_similarity, tiny.column_similarity)
    ]
    by_row = kernels[0] @ np.linalg.solve(kernels[0] + np.eye(12), a)
    by_column = np.linalg.solve(kernels[1] + np.eye(6), a.T).T @ kernels[1]
    assert np.allclose(module.ekrrsmma(tiny, fold), (by_row + by_column) / 2)


def test_learners_draw_different_features(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold = development_folds(tiny, HONEST, seed=0)[0]
    scores = []
    for learners in (1, 2):
        monkeypatch.setattr(module, "_LEARNERS", learners)
        scores.append(module.ekrrsmma(tiny, fold))
    assert not np.allclose(*scores)
