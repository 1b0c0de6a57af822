"""The searcher: asks Optuna for Ray Tune's trials, and tells it how each of them ended."""

from __future__ import annotations

import math
import pickle
import sqlite3
import warnings
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState
from ray.tune.search import Searcher

from search_spaces.distributions import suggest
from search_spaces.schema import SearchSpace
from tuning.ending import DEFAULT_METRIC, RANKED, Ending, ending
from tuning.search.curves import Curves
from tuning.search.resumption import ENDED, RAY_TRIAL, RESUMED, enqueue, number_suggested
from tuning.search.samplers import SAMPLERS, sampler_seed


class RelaxedSyncConnection(sqlite3.Connection):
    """A connection to SQLite that does not wait for the disk after each transaction.

    A suggestion is one transaction for each parameter, and the driver would wait for all of them.
    If the process dies, nothing is lost. A power cut may lose the last seconds, as it may of Ray
    Tune's state and of the record, but it does not damage the database.

    SQLite then needs memory that processes share beside the file, and locks in it, which file
    systems of clusters (GPFS, NFS) may refuse. There the default journal is used.
    """

    def __init__(self, database: str, *arguments: Any, **options: Any) -> None:
        super().__init__(database, *arguments, **options)
        # Refused while another process uses the database, which then stays as it is.
        with suppress(sqlite3.OperationalError):
            if _has_shared_memory(Path(database).parent):
                self.execute("PRAGMA journal_mode=WAL")
                self.execute("PRAGMA synchronous=NORMAL")


@cache
def _has_shared_memory(folder: Path) -> bool:
    """Whether SQLite's write-ahead log works there: it is tried on a database of its own.

    The study's cannot be asked: SQLite says "wal" and refuses whatever is done next.
    """
    with (
        TemporaryDirectory(dir=folder) as scratch,
        closing(sqlite3.connect(Path(scratch) / "tried.db")) as tried,
    ):
        try:
            tried.execute("PRAGMA journal_mode=WAL")
            tried.execute("CREATE TABLE tried (column_a)")
        except sqlite3.OperationalError:
            return False
    return True


class _Pickler(pickle.Pickler):
    """Writes a name in the place of Optuna's database."""

    def persistent_id(self, thing: Any) -> str | None:
        return "database" if isinstance(thing, optuna.storages.RDBStorage) else None


class _Unpickler(pickle.Unpickler):
    """Puts this process's database there."""

    def __init__(self, file: BinaryIO, storage: optuna.storages.RDBStorage) -> None:
        super().__init__(file)
        self._storage = storage

    def persistent_load(self, name: str) -> optuna.storages.RDBStorage:
        return self._storage


class StudySearch(Searcher):
    """Suggests points by Optuna, and tells it what came of each.

    A trial that finished or was stopped is COMPLETE with the score at its chosen epoch; one whose
    score is not finite is COMPLETE with the worst score of the study so far; one that failed for a
    reason that is no fault of its point is FAIL. The attribute `ENDED` says how each ended.

    A diverged trial is not PRUNED, because only some samplers read pruned trials: Optuna's TPE
    does, and ranks them below all others, but a Gaussian process or an evolution strategy would
    suggest the same corner again. The worst score is finite, so it bends no model of the others.

    Args:
        study: name of the Optuna study.
        space: what to search.
        sampler: what chooses the points, an entry of `SAMPLERS`.
        seed: of the sampler.
        storage_url: Optuna's SQLite database.
        metric: of a trial's results, to be maximised.
        resumed: the Optuna study exists, and knows the starting points already.
        curves: of the study's trials, which the searcher adds to; its own if left out.
        starts: points to suggest first; None are those of the space's file.
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
        curves: Curves | None = None,
        starts: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(metric=metric, mode="max")
        self._score_name = metric
        self._space = space
        self._trials: dict[str, Trial] = {}  # by Ray Tune's id
        self._ended: set[str] = set()
        self._curves = curves or Curves(metric)
        self._storage = optuna.storages.RDBStorage(
            storage_url, engine_kwargs={"connect_args": {"factory": RelaxedSyncConnection}}
        )
        self._study = optuna.create_study(
            study_name=study,
            storage=self._storage,
            pruner=optuna.pruners.NopPruner(),
            direction="maximize",
            load_if_exists=True,
        )
        self._suggested = number_suggested(self._study)
        self._study.sampler = SAMPLERS[sampler](sampler_seed(seed, self._suggested), space)
        if not resumed:
            for point in space.start_points() if starts is None else starts:
                enqueue(self._study, point)

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The next point; Optuna's trial says for which of Ray Tune's trials it is."""
        if trial_id not in self._trials:
            trial = self._trials[trial_id] = self._study.ask()
            suggest(self._space, trial)
            self._suggested += 1
            trial.set_user_attr(RAY_TRIAL, trial_id)
        return self._trials[trial_id].params

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record one point of the trial's curve, with the epoch as its step."""
        # Ray Tune gives the last result of a trial that ended by itself a second time, as done.
        if math.isfinite(result[self._score_name]) and not result.get("done"):
            self._report(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record how the trial ended."""
        if trial_id in self._ended:
            return
        self._ended.add(trial_id)
        trial = self._trials[trial_id]
        ended = ending(result, self._score_name, error=error)
        value, state = None, TrialState.FAIL
        if ended in RANKED:
            assert result is not None
            self._report(trial_id, result)  # Ray Tune gives the last result only here
            choice = self._curves.choice(trial_id)
            assert choice is not None
            value, state = choice.score, TrialState.COMPLETE
        elif ended is Ending.FAILED and not error:  # diverged
            value = self._worst()
            # The first of a study has nothing to be as bad as; TPE ranks it below all others.
            state = TrialState.PRUNED if value is None else TrialState.COMPLETE
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr(ENDED, ended.value)
        known = self._study.tell(trial, value, state=state, skip_if_finished=True)
        if known.state is not state:
            self._add_again(
                known, state, value, {ENDED: ended.value}, self._curves.scores(trial_id)
            )

    def save(self, checkpoint_path: str) -> None:
        """Write the state, that of the sampler included, for Ray Tune's snapshot.

        Without the curves, which a driver that resumes has from the record, whole, and without the
        database: its address is another one where the home has moved.
        """
        left_out = ("_curves", "_storage")
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        with Path(checkpoint_path).open("wb") as file:
            _Pickler(file).dump(state)

    def restore(self, checkpoint_path: str) -> None:
        """Go on from a snapshot, but with a new sampler if the snapshot's one is behind.

        The driver may have died after suggestions that are not in the snapshot: the sampler in it
        would draw the same points once more.
        """
        sampler, suggested = self._study.sampler, self._suggested
        with Path(checkpoint_path).open("rb") as file:
            self.__dict__.update(_Unpickler(file, self._storage).load())
        if self._suggested != suggested:
            self._study.sampler, self._suggested = sampler, suggested

    def _worst(self) -> float | None:
        """The lowest score told so far."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return min((trial.value for trial in complete if trial.value is not None), default=None)

    def _report(self, trial_id: str, result: dict[str, Any]) -> None:
        self._curves.add(trial_id, result)
        # After a fault some epochs are measured again; Optuna keeps the first value, and warns. A
        # trial that was told as failed when an earlier driver died takes no more points.
        with warnings.catch_warnings(), suppress(UpdateFinishedTrialError):
            warnings.simplefilter("ignore", UserWarning)
            self._trials[trial_id].report(result[self._score_name], result["epoch"])

    def _add_again(
        self,
        known: FrozenTrial,
        state: TrialState,
        value: float | None,
        attributes: dict[str, Any],
        curve: dict[int, float],
    ) -> None:
        """Record the true end of a trial that was told as failed when an earlier driver died.

        Optuna never changes a trial that has ended. So the trial is added once more, and names the
        one that it stands for.
        """
        finite = {epoch: score for epoch, score in curve.items() if math.isfinite(score)}
        self._study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=value,
                params=known.params,
                distributions=known.distributions,
                intermediate_values={**known.intermediate_values, **finite},
                user_attrs={**known.user_attrs, **attributes, RESUMED: known.number},
            )
        )
