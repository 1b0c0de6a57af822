"""Neighbour propagation against a loop over nodes."""

import numpy as np

from model.baselines.inner_cv import training_matrix
from model.baselines.neighbour_propagation import _propagation, nearest, neighbour_weights
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds


def by_loop(similarity: np.ndarray, neighbours: int, power: int) -> np.ndarray:
    n = len(similarity)
    weights = np.zeros((n, n))
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j: -similarity[i, j])
        total = sum(similarity[i, j] ** power for j in others[:neighbours])
        for j in others[:neighbours]:
            weights[i, j] = similarity[i, j] ** power / total
    return weights


def test_weights_are_those_of_a_loop(tiny: AssociationDataset) -> None:
    for similarity in (tiny.row_similarity, tiny.column_similarity):
        for neighbours in (1, 3, 50):
            found = neighbour_weights(similarity, neighbours, 4)
            assert np.allclose(found, by_loop(similarity, neighbours, 4))


def test_scores_mix_both_sides(tiny: AssociationDataset) -> None:
    fold = development_folds(tiny, HONEST, seed=0)[0]
    a = training_matrix(tiny, fold.train_pairs)
    by_row = by_loop(tiny.row_similarity, 5, 4) @ a
    by_column = a @ by_loop(tiny.column_similarity, 5, 4).T
    scores = _propagation(tiny, a)((5, 4, 0.8))
    assert np.allclose(scores, 0.8 * by_row + 0.2 * by_column)


def test_no_negative_similarity_and_no_division_by_zero() -> None:
    similarity = np.array([[1.0, -0.5, -0.2], [-0.5, 1, 0.3], [-0.2, 0.3, 1]])
    assert nearest(similarity, 2).tolist() == [[0, 0, 0], [0, 0, 0.3], [0, 0.3, 0]]
    assert neighbour_weights(similarity, 2, 1).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
