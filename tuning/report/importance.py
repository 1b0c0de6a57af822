"""Which searched parameters mattered: Optuna's importances, over the trials that are ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.search_space import intersection_search_space

from search_spaces.distributions import distributions
from search_spaces.schema import SearchSpace
from tuning.ending import Ending
from tuning.report.points import searched_points

FEWEST = 20  # full trials; of fewer the order is mostly noise
_SUBSETS, _KEPT = 5, 0.8  # whose spread is the uncertainty; share of the trials in each


def optuna_study(
    space: SearchSpace, ranked: Sequence[Mapping[str, Any]], metric: str
) -> optuna.Study:
    """The ranked trials as an Optuna study in memory, made from what MLflow knows.

    Args:
        ranked: of the report's ``trials`` those that may win.
        metric: that the study maximises.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for trial in ranked:
        point = searched_points(space, trial)
        over = distributions(space, point)
        study.add_trial(optuna.create_trial(params=point, distributions=over, value=trial[metric]))
    return study


def importances(
    space: SearchSpace,
    ranked: Sequence[Mapping[str, Any]],
    metric: str,
    missing: dict[str, str],
) -> dict[str, Any] | None:
    """Functional ANOVA (Hutter et al. 2014) of the chosen score over the searched parameters.

    It speaks of the points that the search chose to visit, and with few trials it is noise: the
    number of trials belongs beside it. Parameters that do not apply to every trial, or whose range
    depends on another, are left out.

    Returns:
        ``trials``, ``values`` (share of the variance by parameter, summing to 1, largest first) and
        ``spread`` (their standard deviations over random subsets of the trials); None with a reason
        in ``missing`` where there is too little to go by.
    """
    full = sum(trial["status"] == Ending.FINISHED for trial in ranked)
    if full < FEWEST or len({trial[metric] for trial in ranked}) == 1:
        missing["importance"] = (
            f"{full} trials finished; from fewer than {FEWEST} that differ, importance is noise."
        )
        return None
    study = optuna_study(space, ranked, metric)
    if not intersection_search_space(study.get_trials(deepcopy=False)):
        missing["importance"] = "No searched parameter applies to every trial that has a score."
        return None
    values = _values(study)
    draw = np.random.default_rng(0)
    subsets = [
        draw.choice(len(ranked), int(_KEPT * len(ranked)), replace=False) for _ in range(_SUBSETS)
    ]
    of_subsets = [
        _values(optuna_study(space, [ranked[place] for place in subset], metric))
        for subset in subsets
    ]
    spread = {
        name: float(np.std([one.get(name, 0.0) for one in of_subsets], ddof=1)) for name in values
    }
    return {"trials": len(ranked), "values": values, "spread": spread}


def _values(study: optuna.Study) -> dict[str, float]:
    found = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(n_trees=32, seed=0)
    )
    return {name: float(value) for name, value in found.items()}
