"""The statistics of a confirmation: paired comparison, many comparisons, an interval.

Shape legend: J folds of all splits, C comparisons, H held-out associations, U unknown pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from model.evaluation.metrics.ranked import Balance, RankedFold
from model.evaluation.metrics.table import METRICS


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


@dataclass(frozen=True)
class Interval:
    """A figure on all the data, and between which ends it lies in most resamples."""

    value: float
    low: float
    high: float


def bootstrap(
    held_out: np.ndarray,
    unknown: np.ndarray,
    groups: np.ndarray,
    *,
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
    balance: Balance = "1:1",
    metrics: Sequence[str] = ("auc", "ap"),
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Metrics of bootstrap resamples, stratified by class (Efron 1979).

    Whole groups of twins are drawn, for near-copies are no independent evidence. Pairs of one miRNA
    or small molecule are drawn one by one although they are correlated, and the model is not
    trained again: the spread says how much the score depends on which were sealed, and
    is on the narrow side as a statement about other networks.

    The draws follow from the sizes, the groups and the seed, not from the scores. So two models'
    values on the same pairs belong together resample by resample, and the difference is paired.

    Args:
        held_out: (H,) scores of held-out associations.
        unknown: (U,) scores of the pairs they are ranked against.
        groups: (H,) equal for associations that are drawn together.
        pairs: (2, H) and (2, U) node pairs of these scores, for metrics that look at nodes.
        balance: see `model.evaluation.metrics.table.ranking_metrics`.
        metrics: of `METRICS`; one that needs a threshold has no value and is left out.

    Returns:
        Of each metric (resamples,) values.
    """
    rng = np.random.default_rng(seed)
    whole = RankedFold(held_out=held_out, unknown=unknown, pairs=pairs, balance=balance)
    wanted = [name for name in metrics if METRICS[name].applies_to(whole)]
    others = [name for name in wanted if name not in ("auc", "ap")]
    scores = np.concatenate((held_out, unknown))
    order = np.argsort(-scores, kind="stable")
    # The last place of each run of equal scores: ties are never told apart.
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    group = np.unique(groups, return_inverse=True)[1]
    values: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(resamples):
        times = _times_drawn(rng, int(group.max()) + 1)[group], _times_drawn(rng, len(unknown))
        for name in others:
            values[name].append(float(METRICS[name].plain(_resampled(whole, times))))
        weights = np.zeros((2, len(scores)))
        weights[0, : len(held_out)], weights[1, len(held_out) :] = times
        if balance == "1:1":
            weights /= weights.sum(axis=1, keepdims=True)
        # Scores are sorted once for all resamples, which counts with millions of unknown pairs.
        fast = _auc_and_ap(*weights[:, order].cumsum(axis=1)[:, ends])
        for name, value in zip(("auc", "ap"), fast, strict=True):
            if name in wanted:
                values[name].append(value)
    return {name: np.array(of_metric) for name, of_metric in values.items()}


def interval(value: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """The percentile interval of a figure from its (resamples,) values; see `bootstrap`."""
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _resampled(fold: RankedFold, times: tuple[np.ndarray, np.ndarray]) -> RankedFold:
    """The fold with each score as often as it was drawn."""
    held_out, unknown = (np.repeat(np.arange(len(drawn)), drawn) for drawn in times)
    pairs = fold.pairs and (fold.pairs[0][:, held_out], fold.pairs[1][:, unknown])
    return replace(
        fold, held_out=fold.held_out[held_out], unknown=fold.unknown[unknown], pairs=pairs
    )


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
