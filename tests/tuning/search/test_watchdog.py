"""A trial that hangs is killed, and fails alone."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.survival import accounted_for_once
from tuning.plan import StudyPlan

# Its time is advanced by hand, so that a busy machine changes nothing.
WATCHED = """
import threading, types
from tuning.search import watchdog as module

now = 0.0
looked = threading.Semaphore(0)

def monotonic():
    if threading.current_thread().name == "watchdog":
        looked.release()
    return now

def let_it_look():
    for _ in range(2):  # the first may have begun before the last change
        looked.acquire()

module.time = types.SimpleNamespace(monotonic=monotonic)
with module.watchdog(1.0) as feed:
    for _ in range(4):
        now += 0.9
        let_it_look()
        feed()
        while looked.acquire(blocking=False):
            pass
for thread in threading.enumerate():
    if thread.name == "watchdog":
        thread.join()  # without the end of `with` it would look for ever
now += 100
print("fed", flush=True)
with module.watchdog(1.0) as feed:
    feed()
    now += 1.1
    threading.Event().wait()
"""


@pytest.mark.heavy
def test_it_kills_the_process_that_does_not_feed_it_and_no_other() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stdout) == (-signal.SIGKILL, "fed\n"), found.stderr


SPACE = {
    "description": "the second trial takes too long between two reports",
    # A report takes the others a third of a second of processor, and this one twenty.
    "schedule": {"report_every": 10, "first_rung": 10},
    "fixed": {"encoder.layers": 1, "training.epochs": 10},
    "search": {"training.seeds": {"type": "choice", "choices": [1, 100]}},
    "start_with": [{"training.seeds": 1}, {"training.seeds": 100}, {"training.seeds": 1}],
}


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "a trial hangs",
    "after half an hour without a report its process is killed; after four times it alone has"
    " failed",
)
def test_a_trial_that_hangs_fails_alone(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tuning.search.run
    import tuning.study

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setattr(tuning.search.run, "HANG_TIMEOUT_S", 8.0)
    monkeypatch.setattr(tuning.search.run, "MAX_FAILURES", 1)  # a process trains for each
    space = SearchSpace.model_validate(SPACE)
    result = tuning.study.run_study(
        StudyPlan("hang", demo(), HONEST, "test", space, 3, baselines=())
    )
    assert {row["kind"] for row in result.rows} <= {"trial", "ensemble"}  # none was asked for
    runs = accounted_for_once("hang", 3, home / "studies" / "hang")
    assert [run.data.tags["status"] for run in runs] == ["finished", "failed", "finished"]
    assert result.registration is not None
