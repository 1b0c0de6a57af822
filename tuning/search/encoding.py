"""Points of a search space as numbers, for models that learn from them.

Shape legend: N points, P parameters, D encoded dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution

NEAR = 0.2  # of a range: how far a number is moved, as a rule


class Encoding:
    """A space's points as rows (P,): the number of a kind, the part of a range from 0 to 1.

    A parameter that a point lacks, because it does not apply there, is NaN. As a feature it is the
    middle of a range, or none of the kinds.
    """

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self._space: dict[str, Any] = dict(space)
        # Kinds of a parameter; 0 for a range.
        self._kinds = [
            len(one.choices) if isinstance(one, CategoricalDistribution) else 0
            for one in self._space.values()
        ]

    def rows(self, points: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """(N, P)."""
        columns = [
            _parts([point.get(name, math.nan) for point in points], one)
            for name, one in self._space.items()
        ]
        return np.array(columns, dtype=float).T.reshape(len(points), len(self._space))

    def features(self, rows: np.ndarray) -> np.ndarray:
        """(N, D): ranges as they are; kinds one-hot, at distance 1 of each other."""
        columns = []
        for place, kinds in enumerate(self._kinds):
            column = rows[:, place, None]
            if kinds:
                columns.append((column == np.arange(kinds)) / math.sqrt(2))
            else:
                columns.append(np.nan_to_num(column, nan=0.5))
        return np.concatenate(columns, axis=1)

    def random(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, P) independent points, uniform over each range or its logarithm."""
        rows = rng.random((count, len(self._kinds)))
        for place, kinds in enumerate(self._kinds):
            if kinds:
                rows[:, place] = np.floor(rows[:, place] * kinds)
        return rows

    def near(self, parents: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, P) of each parent in turn: some kinds drawn anew, some numbers moved a little.

        What a parent lacks is drawn at random.
        """
        rows = np.resize(parents, (count, parents.shape[1]))
        fresh = self.random(count, rng)
        moved = np.clip(rows + NEAR * rng.normal(size=rows.shape), 0, 1)
        changed = np.where(np.array(self._kinds) > 0, fresh, moved)
        # Of one parameter, two, three or four as a mean.
        share = (1 + np.arange(count) % 4)[:, None] / rows.shape[1]
        rows = np.where(rng.random(rows.shape) < share, changed, rows)
        return np.where(np.isnan(rows), fresh, rows)

    def point(self, row: np.ndarray) -> dict[str, Any]:
        """The point of a row without NaN; numbers on their grid."""
        return {
            name: _value(float(part), one)
            for (name, one), part in zip(self._space.items(), row, strict=True)
        }


def _parts(values: list[Any], distribution: Any) -> np.ndarray:
    if isinstance(distribution, CategoricalDistribution):
        place = {repr(choice): float(number) for number, choice in enumerate(distribution.choices)}
        return np.array([place.get(repr(value), math.nan) for value in values])
    low, high, step = distribution.low, distribution.high, distribution.step
    value = np.array(values, dtype=float)
    if distribution.log:
        part: np.ndarray = np.log(value / low) / math.log(high / low)
        return part
    margin = 0.0 if step is None else step
    part = (value - low + margin / 2) / (high - low + margin)
    return part


def _value(part: float, distribution: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(part)]
    low, high, step = distribution.low, distribution.high, distribution.step
    if distribution.log:
        value = low * (high / low) ** part
        value = round(value) if isinstance(low, int) else value
    elif step is None:
        value = low + part * (high - low)
    else:  # every value of the grid has an equal part of the range
        value = low + step * math.floor(part * (high - low + step) / step)
    return type(low)(min(max(value, low), high))
