"""A trial that hangs is killed, and fails alone."""

import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.survival import accounted_for_once
from tuning.plan import StudyPlan


def test_it_kills_the_process_that_does_not_feed_it_and_no_other() -> None:
    code = """
        import time
        from tuning.search.watchdog import watchdog
        with watchdog(1.0) as feed:
            for _ in range(4):
                time.sleep(0.5)
                feed()
        time.sleep(1.5)
        print("fed", flush=True)
        with watchdog(0.5):
            time.sleep(30)
        print("not killed", flush=True)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.returncode, found.stdout) == (-signal.SIGKILL, "fed\n")


SPACE = {
    "description": "the second trial takes too long between two reports",
    "schedule": {"report_every": 40, "first_rung": 40},
    "fixed": {"encoder.layers": 1, "training.epochs": 40},
    "search": {"training.seeds": {"type": "choice", "choices": [1, 100]}},
    "start_with": [{"training.seeds": 1}, {"training.seeds": 100}, {"training.seeds": 1}],
}


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
    degree = {"additive degree": tuning.study.BASELINES["additive degree"]}
    monkeypatch.setattr(tuning.study, "BASELINES", degree)
    monkeypatch.setattr(tuning.search.run, "HANG_TIMEOUT_S", 8.0)
    space = SearchSpace.model_validate(SPACE)
    result = tuning.study.run_study(StudyPlan("hang", demo(), HONEST, "test", space, 3, 0, None))
    runs = accounted_for_once("hang", 3, home / "studies" / "hang")
    assert [run.data.tags["status"] for run in runs] == ["finished", "failed", "finished"]
    assert result.registration is not None
