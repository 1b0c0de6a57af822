"""The scheduler: asynchronous successive halving that spares the published settings."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler

from search_spaces.schema import SearchSpace
from tuning.cluster.sharing import should_yield_slot
from tuning.ending import DEFAULT_METRIC
from tuning.libraries.ray_internals import (
    allow_new_trials,
    pause_new_trials,
    reuse_process,
    save_trial_state,
)
from tuning.search.curves import Curves
from tuning.search.limits import Deadline
from tuning.search.resumption import Point

# After this job has given a slot back, it starts no trial for so long. The slot becomes free when
# the trial's process has ended. Ray retries queued placement groups once a second but places new
# ones at once, so a new trial of ours would overtake the study that waits.
YIELD_PAUSE_S = 2.5

_NO_CONTROLLER: Any = None  # of Ray Tune's, where ASHA alone is asked


class StudyScheduler(AsyncHyperBandScheduler):
    """ASHA over epochs (Li et al. 2020), in one bracket.

    At a rung trials are compared by what is chosen from their curves, each cut at the rung: by the
    score that each would be recorded with if it ended there.

    A trial of the published settings always gets its full budget: users compare the winner with it,
    and its best epoch may be a late one. It counts in its rungs like any other trial.

    Args:
        metric: of a trial's results, to be maximised.
        points: of the trials of a study that is resumed, in the order they were measured.
        curves: of the study's trials, which the scheduler adds to; its own if left out.
        deadline: of the search; once it is over, every trial stops with its next report.
    """

    def __init__(
        self,
        space: SearchSpace,
        points: Iterable[Point] = (),
        metric: str = DEFAULT_METRIC,
        curves: Curves | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        super().__init__(
            time_attr="epoch",
            metric=metric,
            mode="max",
            max_t=space.max_epochs,
            grace_period=space.schedule.first_rung,
            reduction_factor=space.schedule.reduction_factor,
        )
        self._space = space
        self._score_name = metric
        self._curves = curves or Curves(metric)
        self._deadline = deadline or Deadline(None)
        # New trials are allowed in the first step: Ray Tune restores a pause with its snapshot.
        self._paused, self._paused_until = True, 0.0
        # Nobody saves ASHA's rungs, so the results of the study so far are counted again.
        for point in points:
            trial = self._added(point.ray_trial)
            self.on_trial_complete(
                _NO_CONTROLLER, trial, {"epoch": point.epoch, metric: point.score}
            )

    def decide(self, trial_id: str, epoch: int, score: float) -> str:
        """Whether ASHA has a trial go on or stop; the trial counts in its rung, none is spared."""
        result = self._so_far(trial_id, {"epoch": epoch, self._score_name: score})
        return str(super().on_trial_result(_NO_CONTROLLER, self._added(trial_id), result))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Stop the trial unless its score at the rung is among the best of those seen there."""
        so_far = self._so_far(trial.trial_id, result)
        action: str = super().on_trial_result(tune_controller, trial, so_far)
        if self._deadline.is_over:
            return self.STOP
        spared = self._space.is_published(trial.config) and not result["full_budget"]
        return self.CONTINUE if spared else action

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Have Ray Tune save that the trial failed, which it omits if the process has died."""
        super().on_trial_error(tune_controller, trial)
        save_trial_state(tune_controller, trial)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Count the trial, then keep its slot or give it back to another study of the cluster.

        A slot that is kept goes to the next trial with the process in it. To give it back, the
        process ends, and no new trial starts until Ray has placed the trial that waits for it.
        """
        super().on_trial_complete(tune_controller, trial, self._so_far(trial.trial_id, result))
        if tune_controller is None:  # the benchmark searches without Ray
            return
        # One slot at a time: during a pause the last one may not have been taken yet.
        yields = time.monotonic() >= self._paused_until and should_yield_slot()
        reuse_process(tune_controller, not yields)
        if yields:
            pause_new_trials(tune_controller)
            self._paused, self._paused_until = True, time.monotonic() + YIELD_PAUSE_S

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """As ASHA does. Ray Tune asks in every step, so a pause that is over ends here."""
        if self._paused and time.monotonic() >= self._paused_until:
            allow_new_trials(tune_controller)
            self._paused = False
        return super().choose_trial_to_run(tune_controller)

    def _so_far(self, trial_id: str, result: dict[str, Any]) -> dict[str, Any]:
        """The result with what is chosen from the curve until then in the place of its score.

        A score that is not finite stays: a trial that diverges raises no bar for others.
        """
        if not math.isfinite(result.get(self._score_name, math.nan)):
            return result
        self._curves.add(trial_id, result)
        choice = self._curves.choice(trial_id, until=result["epoch"])
        return {**result, self._score_name: choice.score if choice else math.nan}

    def _added(self, trial_id: str) -> Any:
        """In place of Ray Tune's trial, of which ASHA reads the id only; ASHA knows it already."""
        trial: Any = SimpleNamespace(trial_id=trial_id)
        self.on_trial_add(_NO_CONTROLLER, trial)
        return trial
