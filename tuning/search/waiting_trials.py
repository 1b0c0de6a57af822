"""A trial that fails while it waits for a process, which is to be tried again like any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tuning.replaced import replaced


@contextmanager
def waiting_trials_are_tried_again() -> Iterator[None]:
    """In here Ray Tune treats such a trial as one that ran.

    A machine that has just died may be given a trial before anybody knows, and may fail it twice;
    after the first time the trial waits. Tune 2.60 tries again, as often as it was told to, only
    those that run, and gives up one that fails while it waits.
    """
    from ray.tune.execution.tune_controller import TuneController
    from ray.tune.experiment import Trial

    controller_class: Any = TuneController
    handle = controller_class._process_trial_failure

    def handle_as_running(controller: Any, trial: Any, exception: Exception) -> None:
        if trial.status == Trial.PENDING:
            controller._set_trial_status(trial, Trial.RUNNING)
        handle(controller, trial, exception)

    with replaced(controller_class, "_process_trial_failure", handle_as_running):
        yield
