"""Propagating associations to the nearest neighbours by similarity.

Shape legend: M rows, S columns, N either, A_MS the 0/1 training associations.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from model.baselines.inner_cv import Fit, Setting, fit_tuned
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold

# The grid: neighbours of a node, power of a neighbour's weight, share of the row side.
_NEIGHBOURS = (5, 15, 50)
_POWERS = (1, 4)
_SHARES_M = (0.2, 0.5, 0.8)
_GRID = list(product(_NEIGHBOURS, _POWERS, _SHARES_M))


def neighbour_propagation(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): share * W_M A + (1 - share) * A W_S^T, tuned by inner CV.

    A pair scores high where the rows nearest to its row are associated with its column,
    and where its row is associated with the columns nearest to its own: the weighted
    nearest neighbours of van Laarhoven & Marchiori 2013 and Ezzat et al. 2017, on both sides.
    """
    return fit_tuned(_propagation, _GRID, dataset, fold)


def neighbour_weights(similarity: np.ndarray, neighbours: int, power: float) -> np.ndarray:
    """(N, N): W_ij = s_ij^power over the nearest j of i, its rows summing to 1.

    A node without any similar one has a row of zeros.
    """
    weights: np.ndarray = nearest(similarity, neighbours) ** power
    sums = weights.sum(axis=1, keepdims=True)
    normalised: np.ndarray = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    return normalised


def nearest(similarity: np.ndarray, neighbours: int) -> np.ndarray:
    """(N, N): similarities of each row's nearest others, 0 elsewhere; negative ones count as 0.

    A node is none of its own neighbours. With more neighbours than other nodes, all are kept.
    """
    kept: np.ndarray = np.maximum(similarity, 0)
    np.fill_diagonal(kept, 0)
    # Stable, so that equally similar nodes are told apart by their order alone.
    order = kept.argsort(axis=1, kind="stable")
    np.put_along_axis(kept, order[:, : max(len(kept) - neighbours, 1)], 0, axis=1)
    return kept


def _propagation(dataset: AssociationDataset, a_MS: np.ndarray) -> Fit:
    sides: dict[Setting, tuple[np.ndarray, np.ndarray]] = {}
    for neighbours, power in product(_NEIGHBOURS, _POWERS):
        w_MM = neighbour_weights(dataset.row_similarity, neighbours, power)
        w_SS = neighbour_weights(dataset.column_similarity, neighbours, power)
        sides[neighbours, power] = (w_MM @ a_MS, a_MS @ w_SS.T)

    def fit(setting: Setting) -> np.ndarray:
        neighbours, power, share = setting
        by_row_MS, by_column_MS = sides[neighbours, power]
        scores_MS: np.ndarray = share * by_row_MS + (1 - share) * by_column_MS
        return scores_MS

    return fit
