"""EKRRSMMA: an ensemble of kernel ridge regressions on random parts of the similarities.

Wang, Zhu & Chen, Brief. Bioinform. 23(1), bbab431 (2022), after EnsemKRR of Ezzat et al., Methods
129, 81 (2017).

Shape legend: M rows, S columns, N either, D drawn features, A_MS the 0/1 training associations.
"""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# EnsemKRR's: EKRRSMMA's own are not public.
_LEARNERS = 50
_SHARE_DRAWN = 0.2  # of the features of each side
_RIDGE = 1.0
_VARIANCE_KEPT = 0.95  # by the reduced features; chosen here, see the docstring
_SEED = 0


def ekrrsmma(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): the mean over T learners of KRR_avg,

        F = 1/2 [ K_M (K_M + lambda)^-1 A  +  A (K_S + lambda)^-1 K_S ].

    A thing's features are its row of similarities. Each learner draws a share r of them without
    replacement on either side, reduces them, and takes a Gaussian kernel of what is left.

    Published are the parts: feature subsets, a reduction of dimensions, KRR_avg and its plain mean.
    Not published are the values: T = 50, r = 0.2 and lambda = 1 are EnsemKRR's. The reduction is
    taken to be principal components with 95 % of the variance, and the kernel's width the mean
    squared distance from the centre, EnsemKRR's rule for profiles. EnsemKRR also fills in empty
    profiles by nearest neighbours and mixes in a profile kernel; the abstract names neither, and
    neither is done. No value was chosen by a score.
    """
    a_MS = training_matrix(dataset, fold.train_pairs)
    rng = np.random.default_rng(_SEED)
    total_MS = np.zeros_like(a_MS)
    with threadpool_limits(limits=1):
        for _ in range(_LEARNERS):
            for_rows = _smoother(dataset.row_similarity, rng)
            for_columns = _smoother(dataset.column_similarity, rng)
            total_MS += (for_rows @ a_MS + a_MS @ for_columns) / 2
    scores_MS: np.ndarray = total_MS / _LEARNERS
    return scores_MS


def _smoother(similarity_NN: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, N) K (K + lambda)^-1 of a learner's kernel of one side."""
    n = len(similarity_NN)
    drawn = rng.choice(n, size=max(1, round(_SHARE_DRAWN * n)), replace=False)
    kernel = gaussian_kernel(principal_components(similarity_NN[:, drawn]))
    # K and (K + lambda)^-1 commute, and both are symmetric.
    smoother: np.ndarray = np.linalg.solve(kernel + _RIDGE * np.eye(n), kernel)
    return smoother


def principal_components(features_ND: np.ndarray) -> np.ndarray:
    """(N, d): coordinates along the fewest components with the share of variance to be kept."""
    centred = features_ND - features_ND.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    explained = np.cumsum(values**2)
    count = int(np.searchsorted(explained, _VARIANCE_KEPT * explained[-1])) + 1
    coordinates: np.ndarray = left[:, :count] * values[:count]
    return coordinates


def gaussian_kernel(features_ND: np.ndarray) -> np.ndarray:
    """(N, N): exp(-|x_i - x_j|^2 / w), w the mean of |x_i|^2; 1 everywhere if all are alike."""
    squares = (features_ND**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * features_ND @ features_ND.T
    width = squares.mean()
    kernel: np.ndarray = np.exp(-np.maximum(distances, 0) / (width if width > 0 else 1))
    return kernel
