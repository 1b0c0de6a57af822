"""Counting associations: what a model knows that knows only who is popular.

Shape legend: M rows, S columns, A_MS the 0/1 training associations.
"""

from __future__ import annotations

import numpy as np

from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold


def additive_degree(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """(M, S): number of known associations of the row plus that of the column."""
    a_MS = training_matrix(dataset, fold.train_pairs)
    degrees_MS: np.ndarray = a_MS.sum(axis=1, keepdims=True) + a_MS.sum(axis=0, keepdims=True)
    return degrees_MS
