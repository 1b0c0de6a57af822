"""BNNRSMMA: completion of the whole heterogeneous network by bounded nuclear norm regularisation.

Chen, Zhou, Wang & Zhao, Brief. Bioinform. 22(6), bbab328 (2021); the algorithm is BNNR of Yang et
al., Bioinformatics 35(14), i455 (2019).

Shape legend: M rows, S columns, N = M + S nodes, A_MS the 0/1 training associations.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# As published.
_ALPHA = 1.0  # weight of the observed entries
_BETA = 10.0  # penalty of the splitting X = W
_TOLERANCES = (2e-3, 1e-5)  # of the relative change of X, and of the change of that
_MOST_ITERATIONS = 300


def bnnrsmma(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    r"""(M, S): the block of associations of the completed matrix, in [0, 1].

    With T = [[K_S, A^T], [A, K_M]] and Omega = [T != 0], it solves

        min ||X||_* + alpha/2 ||Omega o (W - T)||_F^2   subject to   X = W,  0 <= W <= 1

    by the alternating direction method of multipliers. Zeros, unknown pairs among them, are not
    observed: there are no negatives. alpha = 1, beta = 10 and the tolerances are the published
    ones; nothing had to be chosen. All iterates are symmetric, so that singular values are
    absolute eigenvalues, which cost a fraction; rounding is symmetrised away.
    """
    with threadpool_limits(limits=1):
        a_MS = training_matrix(dataset, fold.train_pairs)
        network_NN = np.block([[dataset.column_similarity, a_MS.T], [a_MS, dataset.row_similarity]])
        n_columns = len(dataset.columns)
        block_MS: np.ndarray = completed(network_NN)[n_columns:, :n_columns]
        return block_MS.copy()


def completed(network_NN: np.ndarray) -> np.ndarray:
    """(N, N) W of the last iteration.

    Args:
        network_NN: T, symmetric; what is 0 is unknown.
    """
    observed = network_NN != 0
    x = network_NN
    multiplier = network_NN.copy()  # both begin as T in the published code
    last_change = 1.0
    for _ in range(_MOST_ITERATIONS):
        free = x + multiplier / _BETA
        held = (_BETA * x + multiplier + _ALPHA * network_NN) / (_ALPHA + _BETA)
        w = np.clip(np.where(observed, held, free), 0, 1)
        following = shrunk(w - multiplier / _BETA, 1 / _BETA)
        multiplier = multiplier + _BETA * (following - w)
        change = float(np.linalg.norm(following - x) / np.linalg.norm(x))
        small, steady = _TOLERANCES
        x = following
        if change <= small and abs(change - last_change) / max(1, abs(last_change)) <= steady:
            break
        last_change = change
    return w


def shrunk(matrix_NN: np.ndarray, threshold: float) -> np.ndarray:
    """(N, N): singular values lowered by the threshold, to 0 at the least.

    Args:
        matrix_NN: symmetric, but for rounding.
    """
    values, vectors = np.linalg.eigh((matrix_NN + matrix_NN.T) / 2)
    kept = np.abs(values) > threshold
    values, vectors = values[kept], vectors[:, kept]
    lowered = values - threshold * np.sign(values)
    result: np.ndarray = (vectors * lowered) @ vectors.T
    return result
