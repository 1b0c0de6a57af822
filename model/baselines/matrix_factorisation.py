"""Neighbourhood regularised logistic matrix factorisation (NRLMF).

Liu, Wu, Miao, Zhao, Li, PLoS Computational Biology 12(2): e1004760, 2016.

Shape legend: M rows, S columns, N either, R factors, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.special import expit

from model.baselines.inner_cv import Fit, Setting, fit_tuned
from model.baselines.neighbour_propagation import nearest
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# The grid: ridge strength of the factors (lambda) and strength of the neighbourhoods (alpha, beta).
_RIDGES = (0.25, 1.0)
_NEIGHBOURHOODS = (0.25, 2.0)
_GRID = list(product(_RIDGES, _NEIGHBOURHOODS))
# As published, except for the steps (100 there): more of them score no better on dataset2.
_IMPORTANCE = 5  # c, weight of an association relative to an unknown pair
_NEIGHBOURS = 5  # K1 and K2
_FACTORS = 50
_STEPS = 30
_STEP_SIZE = 1.0


def matrix_factorisation(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): logits u_i . v_j of NRLMF, its two strengths tuned by inner CV."""
    return fit_tuned(_nrlmf, _GRID, dataset, fold)


def gradient(
    a_MS: np.ndarray,
    u_MR: np.ndarray,
    v_SR: np.ndarray,
    laplacian_MM: np.ndarray,
    *,
    ridge: float,
    strength: float,
) -> np.ndarray:
    """(M, R): gradient in u of the loss, which is

    sum_ij [(1 + c a_ij - a_ij) log(1 + exp(u_i . v_j)) - c a_ij u_i . v_j]
    + ridge / 2 |u|^2 + strength / 2 tr(u^T L u).

    That in v is the same with the sides exchanged.
    """
    c = _IMPORTANCE
    probability_MS = expit(u_MR @ v_SR.T)
    residual_MS = probability_MS * (1 + (c - 1) * a_MS) - c * a_MS
    slope_MR: np.ndarray = residual_MS @ v_SR + ridge * u_MR + strength * laplacian_MM @ u_MR
    return slope_MR


def neighbourhood_laplacian(similarity: np.ndarray) -> np.ndarray:
    """(N, N): L = D + D~ - (W + W^T), with W the similarities to the K1 nearest others.

    D and D~ hold the row and the column sums of W, so that u^T L u = sum_ij W_ij |u_i - u_j|^2.
    """
    w_NN = nearest(similarity, _NEIGHBOURS)
    laplacian_NN: np.ndarray = np.diag(w_NN.sum(axis=1) + w_NN.sum(axis=0)) - (w_NN + w_NN.T)
    return laplacian_NN


def _nrlmf(dataset: AssociationDataset, a_MS: np.ndarray) -> Fit:
    similarities = (dataset.row_similarity, dataset.column_similarity)
    laplacians = tuple(neighbourhood_laplacian(similarity) for similarity in similarities)

    def fit(setting: Setting) -> np.ndarray:
        ridge, strength = setting
        u_MR, v_SR = _factors(a_MS, laplacians, ridge, strength)
        u_MR = _smoothed(u_MR, dataset.row_similarity, a_MS.sum(axis=1) > 0)
        v_SR = _smoothed(v_SR, dataset.column_similarity, a_MS.sum(axis=0) > 0)
        logits_MS: np.ndarray = u_MR @ v_SR.T
        return logits_MS

    return fit


def _factors(
    a_MS: np.ndarray, laplacians: tuple[np.ndarray, ...], ridge: float, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """u (M, R) and v (S, R) after alternating AdaGrad steps, as the publication trains."""
    rng = np.random.default_rng(0)
    factors = [rng.normal(scale=_FACTORS**-0.5, size=(n, _FACTORS)) for n in a_MS.shape]
    squares = [np.zeros_like(factor) for factor in factors]
    for _ in range(_STEPS):
        for side, a in enumerate((a_MS, a_MS.T)):
            slope = gradient(
                a, factors[side], factors[1 - side], laplacians[side],
                ridge=ridge, strength=strength,
            )  # fmt: skip
            squares[side] += slope**2
            factors[side] -= _STEP_SIZE * slope / np.sqrt(squares[side] + 1e-12)
    return factors[0], factors[1]


def _smoothed(factors: np.ndarray, similarity: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Factors in which a node without training association takes those of its K2 nearest with one.

    Weighted by similarity; without any such neighbour it keeps its own.
    """
    w_NN = nearest(np.where(known, similarity, 0), _NEIGHBOURS)
    total = w_NN.sum(axis=1, keepdims=True)
    average = np.divide(w_NN @ factors, total, out=factors.copy(), where=total > 0)
    return np.where(known[:, None], factors, average)
