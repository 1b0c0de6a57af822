"""The scheduler: asynchronous successive halving that spares the published settings."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler

from search_spaces.schema import SearchSpace
from tuning.cluster.sharing import gives_way
from tuning.ending import METRIC
from tuning.search.resumption import Point

# Seconds without a new trial after a place was given back. The place is free when its process has
# gone; Ray tries what waits once a second, and what is new at once: a new trial would be first.
_HOLDS_BACK = 2.5


class StudyScheduler(AsyncHyperBandScheduler):
    """ASHA over epochs (Li et al. 2020), in one bracket.

    A trial of the published settings always gets its full budget, for it is what a user compares
    the winner with, and a score from an early rung is not its score. It counts in its rungs like
    any other trial.

    Args:
        points: of the trials of a study that is gone on with, in the order they were measured.
    """

    def __init__(self, space: SearchSpace, points: Iterable[Point] = ()) -> None:
        super().__init__(
            time_attr="epoch",
            metric=METRIC,
            mode="max",
            max_t=space.max_epochs,
            grace_period=space.schedule.first_rung,
            reduction_factor=space.schedule.reduction_factor,
        )
        self._space = space
        self._held_back_until = 0.0
        (bracket,) = self._brackets
        for point in points:
            trial: Any = SimpleNamespace(trial_id=point.ray_trial)  # all that is read of it
            bracket.on_result(trial, point.epoch, point.score)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """Have Ray Tune save that it failed, which it omits where the trial's process has died."""
        super().on_trial_error(tune_controller, trial)
        tune_controller._mark_trial_to_checkpoint(trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Stop the trial unless its score at the rung is among the best of those seen there."""
        action = super().on_trial_result(tune_controller, trial, result)
        spared = self._space.is_published(trial.config) and not result["full_budget"]
        return self.CONTINUE if spared else action

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Count the trial, and give its place back where another study of the cluster waits."""
        super().on_trial_complete(tune_controller, trial, result)
        if tune_controller is None:  # the benchmark searches without Ray
            return
        given = time.monotonic() < self._held_back_until  # a place, which nobody has taken yet
        yields = not given and gives_way()
        # Read by Ray Tune just after this: whether the next trial gets the process of this one.
        tune_controller._reuse_actors = not yields
        if yields:
            tune_controller._max_pending_trials = 0
            self._held_back_until = time.monotonic() + _HOLDS_BACK

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """As ASHA does, which is asked in every step; new trials begin again after a while."""
        if 0 < self._held_back_until < time.monotonic():
            tune_controller._tune_controller.update_max_pending_trials()  # to what it was
            self._held_back_until = 0.0
        return super().choose_trial_to_run(tune_controller)
