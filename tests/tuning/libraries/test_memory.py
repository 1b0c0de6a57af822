"""A trial that Ray kills because the machine runs out of memory fails alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.survival import accounted_for_once
from tuning.libraries.ray_internals import LOW_MEMORY, treat_oom_kill_as_actor_death
from tuning.plan import StudyPlan

KILL = OutOfMemoryError(
    f"1 worker(s) were killed due to the node {LOW_MEMORY}. Memory was 9 GB\nadvice"
)


def test_a_kill_is_the_death_of_the_actor_and_of_nothing_else() -> None:
    heard: list[Exception] = []
    actor = SimpleNamespace(actor_id="a", _on_error=lambda actor, error: heard.append(error))
    task = SimpleNamespace(_tracked_actor=actor, _on_error=None)
    manager: Any = SimpleNamespace(
        _failed_actor_ids=set(), _cleanup_actor=lambda tracked_actor: None
    )
    with treat_oom_kill_as_actor_death():
        RayActorManager._actor_task_failed(manager, tracked_actor_task=task, exception=KILL)
    (error,) = heard
    assert isinstance(error, RayActorError)
    assert LOW_MEMORY in str(error)
    # Where this is no longer so, the patch can go.
    with pytest.raises(RuntimeError, match="unexpected"):
        RayActorManager._actor_task_failed(manager, tracked_actor_task=task, exception=KILL)


ROOM = 4e9  # bytes that may be used before Ray kills
SPACE = {
    "description": "the second trial asks for 10 GB, bit by bit",
    "schedule": {"report_every": 40, "first_rung": 40},
    "fixed": {"encoder.layers": 1, "training.epochs": 40},
    "search": {"edge_decoder.hidden_dim": {"type": "choice", "choices": [64, 2_000_000]}},
    "start_with": [{"edge_decoder.hidden_dim": width} for width in (64, 2_000_000, 64)],
}


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "a trial eats the memory of its machine",
    "Ray kills its process before the system kills others; after four times it alone has failed,"
    " with the reason",
)
def test_a_trial_that_eats_all_memory_fails_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tuning.study

    memory = psutil.virtual_memory()
    if memory.available < 3 * ROOM:
        pytest.skip(f"of memory {memory.available / 1e9:.0f} GB are free, not {3 * ROOM / 1e9:.0f}")
    share = (memory.total - memory.available + ROOM) / memory.total
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{share:.4f}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    degree = {"additive degree": tuning.study.BASELINES["additive degree"]}
    monkeypatch.setattr(tuning.study, "BASELINES", degree)
    monkeypatch.setattr("tuning.search.run.MAX_FAILURES", 1)  # a process fills up for each
    space = SearchSpace.model_validate(SPACE)
    tuning.study.run_study(StudyPlan("eats", demo(), HONEST, "test", space, 3, 0, None))
    runs = accounted_for_once("eats", 3, home / "studies" / "eats")
    assert [run.data.tags["status"] for run in runs] == ["finished", "failed", "finished"]
    assert "memory" in runs[1].data.tags["reason"]
