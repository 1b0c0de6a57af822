"""Baselines: what a study's winner has to beat, computed on the same folds.

Each takes the training associations of a fold and the similarities, and scores every pair. What
can be tuned is tuned by an inner cross-validation of those associations, see `inner_cv.py`. A new
baseline is a function in a file of its own and a line in `BASELINES`.

Shape legend: M rows, S columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pkgutil import resolve_name

import numpy as np

from model.data.datasets import AssociationDataset
from model.evaluation.ensemble import OutOfFold, evaluate
from model.evaluation.protocols import Fold
from model.evaluation.result import Evaluation
from model.table import Table

# From data and a fold to (M, S) finite scores, higher is more likely. It may read the associations
# of `Fold.train_pairs` only, never `AssociationDataset.associations`.
Baseline = Callable[[AssociationDataset, Fold], np.ndarray]


def _import_and_call(function: str, dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    """Call a baseline of this wing by its name, ``module:function``."""
    baseline: Baseline = resolve_name(f"model.baselines.{function}")
    return baseline(dataset, fold)


def _later(function: str) -> Baseline:
    # The names below are read by every command, scikit-learn is imported by those that measure.
    return partial(_import_and_call, function)


BASELINES: Table[Baseline] = Table(
    "baseline",
    "mmatune.baselines",
    {
        "additive degree": _later("additive_degree:additive_degree"),
        "kernel ridge similarity": _later("kernel_ridge:kernel_ridge_similarity"),
        "kernel ridge similarity+GIP": _later("kernel_ridge:kernel_ridge_similarity_gip"),
        "matrix factorisation (NRLMF)": _later("matrix_factorisation:matrix_factorisation"),
        "gradient boosting": _later("gradient_boosting:gradient_boosting"),
        "neighbour propagation": _later("neighbour_propagation:neighbour_propagation"),
        "DAESTB": _later("compared.daestb:daestb"),
        "BNNRSMMA": _later("compared.bnnrsmma:bnnrsmma"),
        "GISMMA": _later("compared.gismma:gismma"),
        "EKRRSMMA": _later("compared.ekrrsmma:ekrrsmma"),
    },
)

# The four models that the paper compares with: slow, so that they are measured where asked for.
COMPARED = ("DAESTB", "BNNRSMMA", "GISMMA", "EKRRSMMA")


def core(names: Iterable[str] = BASELINES) -> tuple[str, ...]:
    """Those that every study measures: all but the compared models, other packages' too."""
    return tuple(name for name in names if name not in COMPARED)


def evaluate_baseline(
    baseline: Baseline, dataset: AssociationDataset, folds: Sequence[Fold]
) -> Evaluation:
    """Measure a baseline on the folds of a protocol. Its scores are no probabilities."""
    return evaluate(baseline_scores(baseline, dataset, folds), folds)


def baseline_scores(
    baseline: Baseline, dataset: AssociationDataset, folds: Sequence[Fold]
) -> OutOfFold:
    """What a baseline scores out of fold: of each fold (H + U,), held-out associations first."""
    found = []
    for fold in folds:
        score = score_node_pairs(baseline(dataset, fold))
        found.append(np.concatenate((score(fold.held_out), score(fold.ranked_against))))
    return found


def score_node_pairs(scores_MS: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Scores of (2, P) node pairs from a score matrix.

    Two nodes of one side score below every real pair: all that a method needs to know to do so is
    that the network is bipartite.
    """
    n_rows = len(scores_MS)
    floor = scores_MS.min() - 1

    def score(node_pairs: np.ndarray) -> np.ndarray:
        low, high = node_pairs.min(axis=0), node_pairs.max(axis=0)
        crosses = (low < n_rows) & (high >= n_rows)
        scores = np.full(node_pairs.shape[1], floor, dtype=np.float64)
        scores[crosses] = scores_MS[low[crosses], high[crosses] - n_rows]
        return scores

    return score
