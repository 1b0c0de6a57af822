"""The searcher: asks Optuna for Ray Tune's trials, and tells it how each of them ended."""

from __future__ import annotations

import math
import pickle
import sqlite3
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState
from ray.tune.search import Searcher

from search_spaces.distributions import distributions
from search_spaces.schema import SearchSpace
from tuning.ending import DEFAULT_METRIC, Ending, ending
from tuning.search.resumption import RAY_TRIAL, RESUMED, enqueue, number_suggested
from tuning.search.samplers import SAMPLERS, sampler_seed

_TOLD = {
    Ending.FINISHED: TrialState.COMPLETE,
    Ending.STOPPED: TrialState.PRUNED,
    Ending.FAILED: TrialState.FAIL,
    Ending.KILLED: TrialState.FAIL,
}


class RelaxedSyncConnection(sqlite3.Connection):
    """A connection to SQLite that does not wait for the disk after each transaction.

    A suggestion is one transaction for each parameter, and the driver would wait for all of them.
    If the process dies, nothing is lost. A power cut may lose the last seconds, as it may of Ray
    Tune's state and of the record, but it does not damage the database.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Refused while another process uses the database, which then stays as it is.
        with suppress(sqlite3.OperationalError):
            self.execute("PRAGMA journal_mode=WAL")
            self.execute("PRAGMA synchronous=NORMAL")


class StudySearch(Searcher):
    """Suggests points by Optuna, and keeps a true record of how each trial ended.

    A trial is COMPLETE with its score at full budget, PRUNED with its curve, or FAIL. Ray's own
    `OptunaSearch` tells a trial that was stopped early as complete, with the score of its last
    rung, and leaves one whose score is NaN running for ever.

    Args:
        study: name of the Optuna study.
        space: what to search; its starting points are evaluated first.
        sampler: what chooses the points, an entry of `SAMPLERS`.
        seed: of the sampler.
        storage_url: Optuna's SQLite database.
        metric: of a trial's results, to be maximised.
        resumed: the Optuna study exists, and knows the starting points already.
    """

    def __init__(
        self,
        study: str,
        space: SearchSpace,
        *,
        sampler: str,
        seed: int,
        storage_url: str,
        metric: str = DEFAULT_METRIC,
        resumed: bool = False,
    ) -> None:
        super().__init__(metric=metric, mode="max")
        self._score_name = metric
        self._distributions = distributions(space)
        self._trials: dict[str, Trial] = {}  # by Ray Tune's id
        self._ended: set[str] = set()
        self._study = optuna.create_study(
            study_name=study,
            storage=optuna.storages.RDBStorage(
                storage_url, engine_kwargs={"connect_args": {"factory": RelaxedSyncConnection}}
            ),
            pruner=optuna.pruners.NopPruner(),
            direction="maximize",
            load_if_exists=True,
        )
        self._suggested = number_suggested(self._study)
        self._study.sampler = SAMPLERS[sampler](sampler_seed(seed, self._suggested), space)
        if not resumed:
            for point in space.start_points():
                enqueue(self._study, point)

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The next point; Optuna's trial says for which of Ray Tune's trials it is."""
        if trial_id not in self._trials:
            self._trials[trial_id] = self._study.ask(self._distributions)
            self._suggested += 1
            self._trials[trial_id].set_user_attr(RAY_TRIAL, trial_id)
        return self._trials[trial_id].params

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record one point of the trial's curve, with the epoch as its step."""
        # Ray Tune gives the last result of a trial that ended by itself a second time, as done.
        if math.isfinite(result[self._score_name]) and not result.get("done"):
            self._report(self._trials[trial_id], result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record how the trial ended."""
        if trial_id in self._ended:
            return
        self._ended.add(trial_id)
        trial = self._trials[trial_id]
        ended = ending(result, self._score_name, error=error)
        if ended is Ending.STOPPED:
            assert result is not None
            self._report(trial, result)  # Ray Tune gives the result that stopped it only here
        score = result[self._score_name] if result and ended is Ending.FINISHED else None
        state = _TOLD[ended]
        known = self._study.tell(trial, score, state=state, skip_if_finished=True)
        if known.state is not state:
            assert result is not None
            self._add_again(known, state, result)

    def save(self, checkpoint_path: str) -> None:
        """Write the state, that of the sampler included, for Ray Tune's snapshot."""
        Path(checkpoint_path).write_bytes(pickle.dumps(self.__dict__))

    def restore(self, checkpoint_path: str) -> None:
        """Go on from a snapshot, but with a new sampler if the snapshot's one is behind.

        The driver may have died after suggestions that are not in the snapshot: the sampler in it
        would draw the same points once more.
        """
        sampler, suggested = self._study.sampler, self._suggested
        self.__dict__.update(pickle.loads(Path(checkpoint_path).read_bytes()))
        if self._suggested != suggested:
            self._study.sampler, self._suggested = sampler, suggested

    def _report(self, trial: Trial, result: dict[str, Any]) -> None:
        # After a fault some epochs are measured again; Optuna keeps the first value, and warns. A
        # trial that was told as failed when an earlier driver died takes no more points.
        with warnings.catch_warnings(), suppress(UpdateFinishedTrialError):
            warnings.simplefilter("ignore", UserWarning)
            trial.report(result[self._score_name], result["epoch"])

    def _add_again(self, known: FrozenTrial, state: TrialState, result: dict[str, Any]) -> None:
        """Record the true end of a trial that was told as failed when an earlier driver died.

        Optuna never changes a trial that has ended. So the trial is added once more, and names the
        one that it stands for.
        """
        score = result[self._score_name]
        self._study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=score,
                params=known.params,
                distributions=known.distributions,
                intermediate_values={**known.intermediate_values, result["epoch"]: score},
                user_attrs={**known.user_attrs, RESUMED: known.number},
            )
        )
