"""NRLMF: its gradient is that of its loss, its Laplacian and its smoothing are their formulas."""

import numpy as np
import pytest

from model.baselines.matrix_factorisation import (
    _factors,
    _smoothed,
    gradient,
    neighbourhood_laplacian,
)

C = 5  # weight of an association, as published


def similarity(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).random((n, n))
    return (values + values.T) / 2


def loss(
    a: np.ndarray, u: np.ndarray, v: np.ndarray, laplacian: np.ndarray, ridge: float, b: float
) -> float:
    total = 0.0
    for i in range(len(u)):
        for j in range(len(v)):
            logit = u[i] @ v[j]
            total += (1 + C * a[i, j] - a[i, j]) * np.log1p(np.exp(logit)) - C * a[i, j] * logit
    return total + ridge / 2 * (u**2).sum() + b / 2 * np.trace(u.T @ laplacian @ u)


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    a = (rng.random((9, 4)) < 0.3).astype(float)
    u, v = rng.standard_normal((9, 3)), rng.standard_normal((4, 3))
    laplacian = neighbourhood_laplacian(similarity(9, seed=2))
    found = gradient(a, u, v, laplacian, ridge=0.7, strength=0.4)
    step = 1e-5
    for row, column in np.ndindex(u.shape):
        shift = np.zeros_like(u)
        shift[row, column] = step
        up, down = (loss(a, u + s, v, laplacian, 0.7, 0.4) for s in (shift, -shift))
        assert found[row, column] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-6)


def test_the_laplacian_measures_how_far_neighbours_are_apart() -> None:
    """u^T L u = sum over i and its 5 nearest j of s_ij |u_i - u_j|^2."""
    s, u = similarity(9, seed=3), np.random.default_rng(4).standard_normal((9, 2))
    expected = 0.0
    for i in range(9):
        others = sorted((j for j in range(9) if j != i), key=lambda j: -s[i, j])
        expected += sum(s[i, j] * ((u[i] - u[j]) ** 2).sum() for j in others[:5])
    assert np.trace(u.T @ neighbourhood_laplacian(s) @ u) == pytest.approx(expected)


def test_training_lowers_the_loss_on_both_sides() -> None:
    rng = np.random.default_rng(5)
    a = (rng.random((12, 8)) < 0.3).astype(float)
    laplacians = (
        neighbourhood_laplacian(similarity(12, 6)),
        neighbourhood_laplacian(similarity(8, 7)),
    )
    u, v = _factors(a, laplacians, 0.25, 0.25)
    at_zero = loss(a, 0 * u, 0 * v, laplacians[0], 0.25, 0.25)
    assert loss(a, u, v, laplacians[0], 0.25, 0.25) < 0.8 * at_zero
    assert loss(a.T, v, u, laplacians[1], 0.25, 0.25) < 0.8 * at_zero


def test_a_node_without_association_takes_the_factors_of_known_neighbours() -> None:
    s = similarity(8, seed=8)
    s[2, 7] = s[7, 2] = 2  # the most similar of all, but unknown itself
    factors = np.random.default_rng(9).standard_normal((8, 3))
    known = np.array([1, 1, 0, 1, 1, 1, 1, 0], dtype=bool)
    smoothed = _smoothed(factors, s, known)
    assert np.array_equal(smoothed[known], factors[known])
    near = sorted(np.flatnonzero(known), key=lambda j: -s[2, j])[:5]
    expected = sum(s[2, j] * factors[j] for j in near) / sum(s[2, j] for j in near)
    assert np.allclose(smoothed[2], expected)
