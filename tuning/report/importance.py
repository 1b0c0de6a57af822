"""Which searched parameters mattered: Optuna's importances, over the trials that are ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.search_space import intersection_search_space

from search_spaces.distributions import distributions
from search_spaces.schema import SearchSpace
from tuning.record.finished_study import configuration_from_params

FEWEST = 4  # a forest of fewer trials splits on nothing


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
        point = space.point(configuration_from_params(trial["params"]).dotted())
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
        ``trials`` and ``values`` (share of the variance by parameter, summing to 1, largest
        first); None with a reason in ``missing`` where there is too little to go by.
    """
    if len(ranked) < FEWEST or len({trial[metric] for trial in ranked}) == 1:
        missing["importance"] = (
            f"{len(ranked)} trials have a score; importance needs at least {FEWEST} that differ."
        )
        return None
    study = optuna_study(space, ranked, metric)
    if not intersection_search_space(study.get_trials(deepcopy=False)):
        missing["importance"] = "No searched parameter applies to every trial that has a score."
        return None
    values = optuna.importance.get_param_importances(
        study,
        evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
    )
    return {"trials": len(ranked), "values": {name: float(v) for name, v in values.items()}}
