"""Gradient boosting: its features, its training pairs, and that fewer trees are a beginning."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from model.baselines import gradient_boosting as module
from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds


def test_a_pair_is_its_two_similarity_rows(tiny: AssociationDataset) -> None:
    features = module.pair_features(tiny, np.array([[7, 2], [0, 5]]))
    assert features.shape == (2, 18)
    assert np.array_equal(features[0, :12], tiny.row_similarity[7])
    assert np.array_equal(features[1, 12:], tiny.column_similarity[5])


def test_unknown_pairs_are_a_fixed_sample_without_repeats() -> None:
    a = np.zeros((6, 5))
    a[:6, 3] = 1
    pairs, labels = module._training_pairs(a)
    assert labels.tolist() == [1] * 6 + [0] * 18
    assert np.array_equal(a[tuple(pairs.T)], labels)
    assert len({tuple(pair) for pair in pairs}) == 24
    assert np.array_equal(pairs, module._training_pairs(a)[0])
    # Where there are not enough of them, all are taken.
    assert len(module._training_pairs(np.eye(3))[0]) == 9


def test_a_setting_is_a_model_with_that_many_trees(tiny: AssociationDataset) -> None:
    a = training_matrix(tiny, development_folds(tiny, HONEST, seed=0)[0].train_pairs)
    pairs, labels = module._training_pairs(a)
    trees = min(module._TREES)
    model = HistGradientBoostingClassifier(
        max_iter=trees, max_leaf_nodes=8, early_stopping=False, random_state=0
    )
    with threadpool_limits(limits=1):
        model.fit(module.pair_features(tiny, pairs), labels)
        scores = module._boosting(tiny, a)((trees,))
    expected = model.decision_function(module.pair_features(tiny, np.array([[3, 4], [9, 1]])))
    assert np.allclose(scores[[3, 9], [4, 1]], expected)
    assert scores.std() > 0
