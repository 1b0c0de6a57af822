"""Which searched parameters mattered: Optuna's importances, of full-budget trials only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from search_spaces.distributions import distributions
from search_spaces.schema import SearchSpace
from tuning.record.finished_study import configuration_from_params

FEWEST = 4  # a forest of fewer trials splits on nothing


def optuna_study(
    space: SearchSpace, finished: Sequence[Mapping[str, Any]], metric: str
) -> optuna.Study:
    """The full-budget trials as an Optuna study in memory, made from what MLflow knows.

    Args:
        finished: of the report's ``trials`` those that reached their full budget.
        metric: that the study maximises.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    over = distributions(space)
    for trial in finished:
        values = configuration_from_params(trial["params"]).dotted()
        params = {name: values[name] for name in over}
        study.add_trial(optuna.create_trial(params=params, distributions=over, value=trial[metric]))
    return study


def importances(
    space: SearchSpace,
    finished: Sequence[Mapping[str, Any]],
    metric: str,
    missing: dict[str, str],
) -> dict[str, Any] | None:
    """Functional ANOVA (Hutter et al. 2014) of the final score over the searched parameters.

    It speaks of the points that the search chose to visit, and with few trials it is noise: the
    number of trials belongs beside it.

    Returns:
        ``trials`` and ``values`` (share of the variance by parameter, summing to 1, largest
        first); None with a reason in ``missing`` where there is too little to go by.
    """
    if len(finished) < FEWEST or len({trial[metric] for trial in finished}) == 1:
        missing["importance"] = (
            f"{len(finished)} trials reached their full budget; importance needs at least"
            f" {FEWEST} that differ."
        )
        return None
    values = optuna.importance.get_param_importances(
        optuna_study(space, finished, metric),
        evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
    )
    return {"trials": len(finished), "values": {name: float(v) for name, v in values.items()}}
