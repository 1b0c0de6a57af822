"""Curves of any point of a space, learnt from recorded curves of random points.

Shape legend: N points, E reported epochs, K folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import spearmanr

from tuning.bench.curves.recorded import RecordedCurves
from tuning.search.encoding import Encoding

REPORT_EVERY = 20  # epochs, as the shipped spaces have it
_PARTS = 10  # of the cross-validation
_DONORS = 7  # points with a like prediction, one of which gives its residual
_TREES = 100
_TOP = 0.8  # quantile of the recorded points above which the surrogate is tested once more


def as_reported(curves: RecordedCurves) -> RecordedCurves:
    """The curves as a study would see them: a report every `REPORT_EVERY` epochs.

    A report that is missing because the trial has diverged is at chance, 0.5.
    """
    kept = np.flatnonzero(curves.epochs % REPORT_EVERY == 0)
    spent = np.pad(curves.seconds.cumsum(axis=1, dtype=float)[:, kept], ((0, 0), (1, 0)))
    return replace(
        curves,
        epochs=curves.epochs[kept],
        auc=np.nan_to_num(curves.auc[:, kept].astype(float), nan=0.5),
        seconds=np.diff(spent, axis=1),
    )


def space_of(points: Sequence[dict[str, Any]]) -> dict[str, BaseDistribution]:
    """The space that recorded points were drawn from, as far as they show it.

    A recording keeps no space. Ranges end where the points do; a positive number whose median is in
    the lowest quarter of its range is taken to have a logarithmic one.
    """
    space: dict[str, BaseDistribution] = {}
    for name in points[0]:
        values = [point[name] for point in points]
        if all(type(value) is float for value in values) and len({*values}) > 10:
            low, high = min(values), max(values)
            log = bool(low > 0 and np.median(values) < low + (high - low) / 4)
            space[name] = FloatDistribution(low, high, log=log)
        elif all(type(value) is int for value in values) and len({*values}) > 4:
            space[name] = IntDistribution(min(values), max(values))
        else:
            space[name] = CategoricalDistribution(sorted({*values}, key=str))
    return space


class Surrogate:
    """Curves of any point, with their luck.

    Extremely randomised trees (Geurts et al. 2006) predict the logits of the whole curve. To them
    is added the residual of a recorded point that was predicted nearly as good when it was held
    out. So random points score as the recorded ones did, but what the trees cannot explain comes
    back as luck, other luck in every search: no strategy can learn it, and one that could on real
    trainings is held too poor here.

    Args:
        curves: by `as_reported`.
    """

    def __init__(self, curves: RecordedCurves, seed: int = 0) -> None:
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.model_selection import KFold, cross_val_predict

        self.space = space_of(curves.points)
        self._curves = curves
        self._encoding = Encoding(self.space)
        x = self._features(curves.points)
        auc = np.clip(curves.auc, 1e-3, 1 - 1e-3)
        logit = np.log(auc / (1 - auc)).reshape(len(x), -1)
        target = np.column_stack([logit, np.log(curves.seconds.sum(axis=1))])
        trees = ExtraTreesRegressor(_TREES, min_samples_leaf=2, max_features=0.5, random_state=seed)
        parts = KFold(_PARTS, shuffle=True, random_state=seed)
        held_out = cross_val_predict(trees, x, target, cv=parts)[:, :-1]
        self._held_out = self._auc(held_out)
        self._residual = logit - held_out
        self._level = self._held_out.mean(axis=2).max(axis=1)
        self._trees = trees.fit(x, target)

    def measure(self, points: Sequence[dict[str, Any]], rng: np.random.Generator) -> RecordedCurves:
        """Curves of points, each with the luck that is drawn for it."""
        x = self._features(points).astype(np.float32)
        # `predict` of the forest starts threads and checks its input: ten times as long for one.
        predicted = sum(tree.tree_.predict(x)[..., 0] for tree in self._trees.estimators_) / _TREES
        logit = predicted[:, :-1]
        away = np.abs(self._level[None] - self._auc(logit).mean(axis=2).max(axis=1)[:, None])
        nearest = np.argpartition(away, _DONORS, axis=1)[:, :_DONORS]
        donors = nearest[np.arange(len(x)), rng.integers(_DONORS, size=len(x))]
        spent = self._curves.seconds[donors]
        return replace(
            self._curves,
            points=tuple(points),
            auc=self._auc(logit + self._residual[donors]),
            seconds=np.exp(predicted[:, -1:]) * spent / spent.sum(axis=1, keepdims=True),
        )

    def random(self, count: int, rng: np.random.Generator) -> RecordedCurves:
        """Random points of the space, measured."""
        rows = self._encoding.random(count, rng)
        return self.measure([self._encoding.point(row) for row in rows], rng)

    def errors(self) -> dict[str, float]:
        """How well held-out points are predicted, by the best of each curve.

        Returns:
            ``mean_error`` in AUC, ``explained`` variance, rank correlation (Spearman) with what was
            recorded, and that among the best fifth of the points, which a search is about.
        """
        best, predicted = self._curves.auc.mean(axis=2).max(axis=1), self._level
        top = best > np.quantile(best, _TOP)
        return {
            "mean_error": float(np.abs(predicted - best).mean()),
            "explained": float(1 - np.mean((predicted - best) ** 2) / best.var()),
            "rank_correlation": float(spearmanr(predicted, best).statistic),
            "rank_correlation_of_best_fifth": float(spearmanr(predicted[top], best[top]).statistic),
        }

    def _features(self, points: Sequence[dict[str, Any]]) -> np.ndarray:
        return self._encoding.features(self._encoding.rows(points))

    def _auc(self, logit: np.ndarray) -> np.ndarray:
        auc: np.ndarray = (1 / (1 + np.exp(-logit))).reshape(-1, *self._curves.auc.shape[1:])
        return auc
