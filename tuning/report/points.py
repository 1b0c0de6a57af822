"""The searched parameters of a recorded trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.schema import SearchSpace
from tuning.record.finished_study import configuration_from_params


def searched_points(space: SearchSpace, trial: Mapping[str, Any]) -> dict[str, Any]:
    """Of each parameter that applies its value, from the trial's parameters in the record."""
    return space.point(configuration_from_params(trial["params"]).dotted())
