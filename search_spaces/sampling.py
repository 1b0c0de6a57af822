"""Points of a search space drawn at random, the same ones for the same seed."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.samplers import RandomSampler

from search_spaces.distributions import suggest
from search_spaces.schema import SearchSpace


def sample_points(space: SearchSpace, count: int, seed: int) -> list[dict[str, Any]]:
    """Independent points, each parameter uniform over its range, or over its logarithm's.

    The first of them are those that `tune` suggests with this seed: its samplers begin with random
    ones.
    """
    study = optuna.create_study(sampler=RandomSampler(seed))
    return [suggest(space, study.ask()) for _ in range(count)]
