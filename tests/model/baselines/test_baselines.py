"""Baselines: their formulas, and that they know only the training associations."""

import itertools

import numpy as np
import pytest

from model.baselines.additive_degree import additive_degree
from model.baselines.kernel_ridge import gip_kernel, kernel_ridge_similarity
from model.baselines.registry import (
    evaluate_baseline,
    score_node_pairs,
)
from model.data.datasets import AssociationDataset
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, PAPER, development_folds


@pytest.fixture(scope="module")
def dataset() -> AssociationDataset:
    return demo()


def test_gip_is_its_formula() -> None:
    profiles = np.array([[1.0, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 1]])
    mean = (2 + 2 + 0 + 3) / 4
    kernel = gip_kernel(profiles)
    assert kernel[0, 1] == pytest.approx(np.exp(-2 / mean))
    assert kernel[2, 3] == pytest.approx(np.exp(-3 / mean))
    assert np.allclose(np.diag(kernel), 1)


def test_additive_degree_counts_training_associations(tiny: AssociationDataset) -> None:
    fold = development_folds(tiny, HONEST, seed=0)[0]
    scores = additive_degree(tiny, fold)
    row, column = 4, 2
    expected = (fold.train_pairs[:, 0] == row).sum() + (fold.train_pairs[:, 1] == column).sum()
    assert scores[row, column] == expected


def test_kernel_ridge_is_a_ridge_regression_on_each_side(tiny: AssociationDataset) -> None:
    """For some pair of ridge strengths of its grid, the scores solve the ridge systems."""
    fold = development_folds(tiny, HONEST, seed=0)[0]
    eye_M, eye_S = np.eye(12), np.eye(6)

    def positive(matrix: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(matrix)
        return (vectors * np.maximum(values, 0)) @ vectors.T

    k_M, k_S = positive(tiny.row_similarity), positive(tiny.column_similarity)
    a_MS = np.zeros((12, 6))
    a_MS[tuple(fold.train_pairs.T)] = 1
    fits = []
    for m, s in itertools.product((1, 3, 10, 30), (0.3, 1)):
        by_row = k_M @ np.linalg.solve(k_M + m * eye_M, a_MS)
        smoother_S = np.linalg.solve(k_S + s * eye_S, k_S)
        fits += [by_row @ smoother_S, by_row + a_MS @ smoother_S]
    scores = kernel_ridge_similarity(tiny, fold)
    assert any(np.allclose(scores, fit) for fit in fits)


def test_two_nodes_of_one_side_score_below_every_real_pair() -> None:
    score = score_node_pairs(np.array([[0.5, -2.0], [0.1, 3.0], [0.0, 0.0]]))
    pairs = np.array([[0, 1, 0, 3], [3, 4, 1, 4]])
    assert score(pairs).tolist() == [0.5, 3.0, -3.0, -3.0]


def test_the_paper_protocol_flatters_even_counting(dataset: AssociationDataset) -> None:
    """Knowing that the network is bipartite is worth more than any model under ``paper``."""
    scores = {
        protocol.name: evaluate_baseline(
            additive_degree, dataset, development_folds(dataset, protocol, seed=0)
        ).summary()["auc"]
        for protocol in (HONEST, PAPER)
    }
    assert scores["paper"] > 0.93
    assert scores["honest"] < 0.86
