"""The searcher: Optuna's TPE behind Ray Tune, with a true record of how each trial ended."""

from __future__ import annotations

import math
import sqlite3
import warnings
from contextlib import suppress
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState
from ray.tune.search.optuna import OptunaSearch

from search_spaces.distributions import distributions
from search_spaces.schema import SearchSpace
from tuning.ending import METRIC, Ending, ending
from tuning.search.resumption import RAY_TRIAL


class _Unhurried(sqlite3.Connection):
    """Leaves it to the system when to write to the disk.

    A suggestion is one transaction for each parameter, and the driver would wait for the disk after
    each. The death of the process loses nothing so; a power cut may lose the last seconds, as it
    may of Ray Tune's state and of the record, and never the database.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        with suppress(sqlite3.OperationalError):  # somebody else uses the database: as it is, then
            self.execute("PRAGMA journal_mode=WAL")
            self.execute("PRAGMA synchronous=NORMAL")


class StudySearch(OptunaSearch):
    """`OptunaSearch` that tells Optuna what happened.

    The stock class tells a trial that was stopped early as complete, with the score of its last
    rung, and leaves one whose score is NaN running for ever. Here a trial is COMPLETE with its
    score at full budget, PRUNED with its curve, or FAIL.

    Args:
        study: name of the Optuna study; it is made, and must not exist yet.
        space: what to search; its starting points are evaluated first.
        sampler: Optuna's; the study's is TPE.
        storage_url: Optuna's SQLite database.
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
            storage=optuna.storages.RDBStorage(
                storage_url, engine_kwargs={"connect_args": {"factory": _Unhurried}}
            ),
        )

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """As Optuna asks; its trial says for which of Ray Tune's trials that was."""
        suggested: dict[str, Any] | None = super().suggest(trial_id)
        if suggested is not None:
            self._ot_trials[trial_id].set_user_attr(RAY_TRIAL, trial_id)
        return suggested

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record one point of the trial's curve, with the epoch as its step."""
        # Ray Tune gives the last result of a trial that ended by itself a second time, as done.
        if math.isfinite(result[METRIC]) and not result.get("done"):
            self._report(self._ot_trials[trial_id], result)

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
        if self._state(trial).is_finished():
            self._tell_anew(trial, ended, result)
            return
        if ended is Ending.FINISHED:
            assert result is not None
            self._ot_study.tell(trial, result[METRIC])
        elif ended is Ending.STOPPED:
            assert result is not None
            # The result at which the scheduler stopped it comes here alone.
            self._report(trial, result)
            self._ot_study.tell(trial, state=TrialState.PRUNED)
        else:
            self._ot_study.tell(trial, state=TrialState.FAIL)

    def _report(self, trial: Trial, result: dict[str, Any]) -> None:
        # After a fault some epochs are measured again; Optuna keeps the first value, and warns.
        if not self._state(trial).is_finished():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                trial.report(result[METRIC], result["epoch"])

    def _state(self, trial: Trial) -> TrialState:
        assert self._ot_study is not None
        return self._ot_study._storage.get_trial(trial._trial_id).state

    def _tell_anew(self, trial: Trial, ended: Ending, result: dict[str, Any] | None) -> None:
        """A trial that was told as failed when the driver died, and went on in a later one.

        Optuna never changes what it was told: the trial is added again, and says which it was.
        """
        assert self._ot_study is not None
        if ended not in (Ending.FINISHED, Ending.STOPPED):
            return  # failed it is
        assert result is not None
        known = self._ot_study._storage.get_trial(trial._trial_id)
        finished = ended is Ending.FINISHED
        self._ot_study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if finished else TrialState.PRUNED,
                value=result[METRIC],
                params=known.params,
                distributions=known.distributions,
                intermediate_values={**known.intermediate_values, result["epoch"]: result[METRIC]},
                user_attrs={**known.user_attrs, "resumed": known.number},
            )
        )
