"""A trial that fails while it waits for a process is tried again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ray.exceptions import RayActorError
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from tuning.libraries.ray_internals import retry_pending_trials


class Waiting(SimpleNamespace):
    """What Ray Tune reads of a trial: one that waits."""

    trial_id, status = "one", Trial.PENDING

    def handle_error(self, error: Exception) -> None:
        self.failures += 1

    def should_recover(self) -> bool:
        return self.failures <= 3


def fail(trial: Waiting) -> bool:
    """Whether Ray Tune tries it again."""
    controller: Any = MagicMock()
    controller._set_trial_status = lambda trial, status: setattr(trial, "status", status)
    TuneController._process_trial_failure(controller, trial, RayActorError(error_msg="gone"))
    assert controller._try_recover.called != controller._schedule_trial_stop.called
    return controller._try_recover.called


@pytest.mark.parametrize("failures", range(6))
def test_as_often_as_one_that_runs(failures: int) -> None:
    with retry_pending_trials():
        assert fail(Waiting(failures=failures)) == (failures < 3)


def test_ray_tune_gives_it_up_at_once() -> None:
    """Where this is no longer so, the patch can go."""
    assert not fail(Waiting(failures=0))
