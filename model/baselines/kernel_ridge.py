"""Two-sided kernel ridge regression on similarities and interaction profiles.

Shape legend: M rows, S columns, N either, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch

from model.baselines.inner_cv import Fit, Method, Setting, fit_tuned
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold
from model.network.gip import gip_exponents

# The grid: how the sides are joined; share of the GIP kernel and ridge strength, on each side.
_FORMS = ("sum", "product")
_GIP_SHARES_M = (0.0, 0.5, 0.75)
_GIP_SHARES_S = (0.0, 0.5, 1.0)
_LAMBDAS_M = (1.0, 3.0, 10.0, 30.0)
_LAMBDAS_S = (0.3, 1.0)


def kernel_ridge_similarity(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): kernel ridge regression on the similarities, tuned by inner CV."""
    return _tuned(dataset, fold, (0.0,), (0.0,))


def kernel_ridge_similarity_gip(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): as above, on a mix of similarity and GIP kernel, each side's mix tuned too."""
    return _tuned(dataset, fold, _GIP_SHARES_M, _GIP_SHARES_S)


def gip_kernel(profiles: np.ndarray) -> np.ndarray:
    """Gaussian interaction profile kernel (van Laarhoven et al. 2011), see `gip_exponents`.

    Args:
        profiles: (n, d), a node's training associations as a 0/1 row.

    Returns:
        (n, n) in (0, 1].
    """
    kernel: np.ndarray = np.exp(gip_exponents(torch.from_numpy(profiles)[None])[0].numpy())
    return kernel


def _tuned(
    dataset: AssociationDataset,
    fold: Fold,
    shares_M: Sequence[float],
    shares_S: Sequence[float],
) -> np.ndarray:
    sides = (product(shares_M, _LAMBDAS_M), product(shares_S, _LAMBDAS_S))
    grid = list(product(_FORMS, *map(list, sides)))
    return fit_tuned(_method(shares_M, shares_S), grid, dataset, fold)


def _method(shares_M: Sequence[float], shares_S: Sequence[float]) -> Method:
    """Scores of a setting (form, side, side) from the smoothers G = K (K + lambda)^-1 of each side.

    ``product`` is G_M A G_S, ``sum`` G_M A + A G_S: two ridge regressions, one for each side.
    """

    def prepare(dataset: AssociationDataset, a_MS: np.ndarray) -> Fit:
        side_M = _smoothers(dataset.row_similarity, a_MS, shares_M, _LAMBDAS_M)
        side_S = _smoothers(dataset.column_similarity, a_MS.T, shares_S, _LAMBDAS_S)
        # The large product of the two is shared by all settings of the columns' side.
        smoothed_MS = {side: matrix @ a_MS for side, matrix in side_M.items()}
        by_molecule_MS = {side: a_MS @ matrix for side, matrix in side_S.items()}

        def fit(setting: Setting) -> np.ndarray:
            form, of_M, of_S = setting
            if form == "sum":
                scores_MS: np.ndarray = smoothed_MS[of_M] + by_molecule_MS[of_S]
            else:
                scores_MS = smoothed_MS[of_M] @ side_S[of_S]
            return scores_MS

        return fit

    return prepare


def _smoothers(
    similarity: np.ndarray,
    profiles: np.ndarray,
    shares: Sequence[float],
    lambdas: Sequence[float],
) -> dict[tuple[float, float], np.ndarray]:
    """(N, N) K (K + lambda)^-1 of one side, for each share of the GIP kernel and each lambda."""
    gip = gip_kernel(profiles)
    smoothers = {}
    for share in shares:
        values, vectors = np.linalg.eigh((1 - share) * similarity + share * gip)
        # A similarity matrix may have slightly negative eigenvalues; a kernel has none.
        values = np.maximum(values, 0)
        for ridge in lambdas:
            smoothers[share, ridge] = (vectors * (values / (values + ridge))) @ vectors.T
    return smoothers
