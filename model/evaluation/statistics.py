"""The statistics of a confirmation: paired comparison, many comparisons, an interval.

Shape legend: J folds of all splits, C comparisons, H held-out associations, U unknown pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from model.evaluation.ranked import Balance


@dataclass(frozen=True)
class PairedTest:
    """Mean difference, its standard error and the two-sided p-value that it is zero."""

    difference: float
    standard_error: float
    p_value: float


def corrected_standard_error(values: np.ndarray, test_train_ratio: float) -> float:
    """Standard error of the mean of a figure over folds that share training data.

    sqrt((1/J + n_test/n_train) s^2), Nadeau and Bengio 2003, "Inference for the generalization
    error", equation 12. The plain s / sqrt(J) shrinks to zero with the number of repeats, although
    the data stay the same. It rests on a guess of how much folds are correlated, n_test / (n_test
    + n_train), which nobody can estimate from the same data without bias.

    Args:
        values: (J,), at least two.
        test_train_ratio: associations held out over associations trained on.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} fold has no spread; at least two are needed")
    return float(np.sqrt((1 / len(values) + test_train_ratio) * np.var(values, ddof=1)))


def corrected_resampled_t_test(differences: np.ndarray, test_train_ratio: float) -> PairedTest:
    """Corrected resampled t-test (Nadeau and Bengio 2003), two-sided, J - 1 degrees of freedom.

    The caveat of `corrected_standard_error` holds: p-values are approximate, and they speak of
    other samples of associations like these, not of other networks. A difference that is the same
    in every fold has p = 0, or 1 where it is zero.

    Args:
        differences: (J,), one model's score minus another's on the same fold.
    """
    mean = float(np.mean(differences))
    error = corrected_standard_error(differences, test_train_ratio)
    if error == 0:
        return PairedTest(mean, error, 1.0 if mean == 0 else 0.0)
    p_value = 2 * stats.t.sf(abs(mean) / error, df=len(differences) - 1)
    return PairedTest(mean, error, float(p_value))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given.

    Below alpha means rejected. The chance of rejecting any true hypothesis is at most alpha,
    whatever the dependence between the tests; the price is power.
    """
    # `statsmodels.stats.multitest` has it; eight lines are less than a dependency.
    count = len(p_values)
    adjusted = [0.0] * count
    running = 0.0
    for rank, index in enumerate(sorted(range(count), key=p_values.__getitem__)):
        running = max(running, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def bootstrap_intervals(
    held_out: np.ndarray,
    unknown: np.ndarray,
    groups: np.ndarray,
    *,
    balance: Balance = "1:1",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap intervals of AUC and AP, stratified by class (Efron 1979).

    Whole groups of twins are drawn, for near-copies are no independent evidence. Pairs of one miRNA
    or small molecule are drawn one by one although they are correlated, and the model is not
    trained again: the interval says how much the score depends on which were sealed, and
    is on the narrow side as a statement about other networks.

    Args:
        held_out: (H,) scores of held-out associations.
        unknown: (U,) scores of the pairs they are ranked against.
        groups: (H,) equal for associations that are drawn together.
        balance: see `model.evaluation.metrics.ranking_metrics`.

    Returns:
        ``auc`` and ``ap``, each (low, high).
    """
    rng = np.random.default_rng(seed)
    scores = np.concatenate((held_out, unknown))
    order = np.argsort(-scores, kind="stable")
    # The last place of each run of equal scores: ties are never told apart.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    group = np.unique(groups, return_inverse=True)[1]
    values = np.empty((resamples, 2))
    for row in values:
        weights = np.zeros((2, len(scores)))
        weights[0, : len(held_out)] = _times_drawn(rng, int(group.max()) + 1)[group]
        weights[1, len(held_out) :] = _times_drawn(rng, len(unknown))
        if balance == "1:1":
            weights /= weights.sum(axis=1, keepdims=True)
        row[:] = _auc_and_ap(*weights[:, order].cumsum(axis=1)[:, ends])
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return {name: (float(low[k]), float(high[k])) for k, name in enumerate(("auc", "ap"))}


def _auc_and_ap(true: np.ndarray, false: np.ndarray) -> tuple[float, float]:
    """Both figures from the weight of either class above each threshold, strictest first.

    The same as scikit-learn's, without sorting again for every resample.
    """
    recall = np.append(0, true / true[-1])
    fall_out = np.append(0, false / false[-1])
    drawn = true + false > 0
    precision = np.divide(true, true + false, out=np.zeros_like(true), where=drawn)
    return float(np.trapezoid(recall, fall_out)), float(np.diff(recall) @ precision)


def _times_drawn(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count,) how often each of ``count`` things comes up in as many draws with replacement."""
    return np.bincount(rng.integers(count, size=count), minlength=count)
