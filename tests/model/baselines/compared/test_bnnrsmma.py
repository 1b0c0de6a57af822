"""BNNR: its shrinkage is that of singular values, its result is bounded and completes a matrix."""

import numpy as np

from model.baselines.compared.bnnrsmma import bnnrsmma, completed, shrunk
from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds


def symmetric(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal((n, n))
    return (values + values.T) / 2


def test_absolute_eigenvalues_are_shrunk_as_singular_values_are() -> None:
    matrix = symmetric(9, seed=0)
    left, values, right = np.linalg.svd(matrix)
    expected = (left * np.maximum(values - 0.7, 0)) @ right
    assert np.allclose(shrunk(matrix, 0.7), expected)
    assert (np.linalg.eigvalsh(matrix) < 0).any()  # whose sign has to stay
    assert np.linalg.matrix_rank(expected) < 9


def by_definition(network: np.ndarray) -> np.ndarray:
    """The iteration as it is written, with singular values and an entry at a time."""
    x, y, last = network.copy(), network.copy(), 1.0
    for _ in range(300):
        w = np.empty_like(network)
        for i, j in np.ndindex(w.shape):
            free = x[i, j] + y[i, j] / 10
            seen = (10 * x[i, j] + y[i, j] + network[i, j]) / 11
            w[i, j] = min(max(free if network[i, j] == 0 else seen, 0), 1)
        left, values, right = np.linalg.svd(w - y / 10)
        following = (left * np.maximum(values - 0.1, 0)) @ right
        y = y + 10 * (following - w)
        change = np.linalg.norm(following - x) / np.linalg.norm(x)
        x = following
        if change <= 2e-3 and abs(change - last) / max(1, abs(last)) <= 1e-5:
            break
        last = change
    return w


def test_scores_are_the_block_of_the_iteration_as_it_is_written(tiny: AssociationDataset) -> None:
    fold = development_folds(tiny, HONEST, seed=0)[0]
    a_MS = training_matrix(tiny, fold.train_pairs)
    network = np.block([[tiny.column_similarity, a_MS.T], [a_MS, tiny.row_similarity]])
    expected = by_definition(network)
    scores = bnnrsmma(tiny, fold)
    assert np.allclose(scores, expected[6:, :6], atol=1e-8)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_missing_entries_of_a_matrix_of_rank_one_are_found() -> None:
    side = np.linspace(0.5, 1, 12)
    full = np.outer(side, side)
    holes = full.copy()
    holes[[2, 5, 9], [7, 1, 3]] = holes[[7, 1, 3], [2, 5, 9]] = 0
    found = completed(holes)[[2, 5, 9], [7, 1, 3]]
    assert np.abs(found - full[[2, 5, 9], [7, 1, 3]]).max() < 0.1
