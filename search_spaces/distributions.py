"""A search space in Optuna's terms."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search_spaces.schema import Choice, FloatRange, SearchSpace


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """One Optuna distribution for each searched parameter, under its dotted name."""
    translated: dict[str, BaseDistribution] = {}
    for name, parameter in space.search.items():
        if isinstance(parameter, Choice):
            translated[name] = CategoricalDistribution(parameter.choices)
        elif isinstance(parameter, FloatRange):
            translated[name] = FloatDistribution(parameter.low, parameter.high, log=parameter.log)
        else:
            translated[name] = IntDistribution(parameter.low, parameter.high, step=parameter.step)
    return translated
