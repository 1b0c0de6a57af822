"""The searcher: Optuna's TPE behind Ray Tune, with a true record of how each trial ended."""

from __future__ import annotations

import math
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import TrialState
from ray.tune.search.optuna import OptunaSearch

from search_spaces.distributions import distributions
from search_spaces.schema import SearchSpace
from tuning.ending import METRIC, Ending, ending


class StudySearch(OptunaSearch):
    """`OptunaSearch` that tells Optuna what happened.

    The stock class tells a trial that was stopped early as complete, with the score of its last
    rung, and leaves one whose score is NaN running for ever. Here a trial is COMPLETE with its
    score at full budget, PRUNED with its curve, or FAIL.

    Args:
        study: name of the Optuna study; it is made, and must not exist yet.
        space: what to search; its starting points are evaluated first.
        sampler: Optuna's; the study's is TPE.
        storage_url: Optuna's database.
    """

    def __init__(
        self, study: str, space: SearchSpace, *, sampler: BaseSampler, storage_url: str
    ) -> None:
        super().__init__(
            space=distributions(space),
            metric=METRIC,
            mode="max",
            points_to_evaluate=space.start_points(),
            sampler=sampler,
            study_name=study,
            storage=optuna.storages.RDBStorage(storage_url),
        )

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record one point of the trial's curve, with the epoch as its step."""
        # Ray Tune gives the last result of a trial that ended by itself a second time, as done.
        if math.isfinite(result[METRIC]) and not result.get("done"):
            self._ot_trials[trial_id].report(result[METRIC], result["epoch"])

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record how the trial ended."""
        if trial_id in self._completed_trials:
            return
        self._completed_trials.add(trial_id)
        assert self._ot_study is not None  # made by __init__, for a space is given
        trial = self._ot_trials[trial_id]
        ended = ending(result, error=error)
        if ended is Ending.FINISHED:
            assert result is not None
            self._ot_study.tell(trial, result[METRIC])
        elif ended is Ending.STOPPED:
            assert result is not None
            # The result at which the scheduler stopped it comes here alone.
            trial.report(result[METRIC], result["epoch"])
            self._ot_study.tell(trial, state=TrialState.PRUNED)
        else:
            self._ot_study.tell(trial, state=TrialState.FAIL)
