"""A search space in Optuna's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from search_spaces.schema import SearchSpace


def distributions(space: SearchSpace, point: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """One Optuna distribution for each parameter of a point, under its dotted name.

    Args:
        point: a value for every searched parameter that applies to it.
    """
    values = space.settings(point)
    return {name: space.search[name].distribution(values) for name in point}


def suggest(space: SearchSpace, trial: optuna.Trial) -> dict[str, Any]:
    """Ask Optuna for a point: first what needs no other parameter, then what applies.

    Returns:
        A value for every searched parameter that applies; the others keep their defaults.
    """
    point: dict[str, Any] = {}
    for name in space.order():
        values = space.settings(point)
        if space.search[name].applies(values):
            point[name] = _ask(trial, name, space.search[name].distribution(values))
    return point


def _ask(trial: optuna.Trial, name: str, distribution: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    low, high = distribution.low, distribution.high
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, low, high, log=distribution.log)
    return trial.suggest_int(name, low, high, step=distribution.step)
