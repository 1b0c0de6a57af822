"""A study loses its driver or a worker, and goes on: every trial once, scores as if undisturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray.cluster_utils import Cluster

from model.data.synthetic import demo
from model.errors import InputError
from tests.tuning.survival import (
    SPACE,
    begin,
    events,
    finish,
    nothing_is_lost,
    release_held_trials,
    resume,
    workers,
)
from tuning.home import optuna_storage_url, study_folder
from tuning.plan import StudyPlan
from tuning.record.identity import mark_begun
from tuning.search.resumption import (
    RAY_TRIAL,
    Point,
    Progress,
    enqueue,
    read_plan,
    requeue_untracked_trials,
    save_plan,
    tracked_trials,
)
from tuning.search.scheduler import StudyScheduler
from tuning.study import resume_study


@pytest.fixture
def begun(measured_home: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with begin(measured_home, tmp_path) as process:
        yield process


@pytest.mark.ray
@pytest.mark.survives(
    "the command ends by Ctrl-C, `study stop` or SIGKILL",
    "`tune --resume` goes on: trials that ended are not run again, the others go on from their"
    " checkpoints, ASHA knows what it knew, scores are those of an undisturbed study bit for bit",
)
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_killed_study_goes_on_and_ends_as_if_nothing_had_been(
    number: signal.Signals, begun: subprocess.Popen[str], home: Path
) -> None:
    if number == signal.SIGKILL:  # at the worst time: Ray Tune has not written down that it began
        release_held_trials(home)
        while not has_begun(home, "trial-004"):
            assert begun.poll() is None
            time.sleep(0.01)
    os.kill(begun.pid, number)
    finish(begun, home)
    before = events(home)
    ended = {one["run"] for one in before if one["kind"] == "close" and one["status"] == "FINISHED"}

    document = resume()
    after = events(home)[len(before) :]
    assert not {one["run"] for one in after if one["kind"] == "metrics"} & ended
    nothing_is_lost(document)
    plan = read_plan("cut", demo())
    with pytest.raises(InputError, match="finished"):
        resume_study(plan)


@pytest.mark.ray
@pytest.mark.survives(
    "a trial's process is killed",
    "the trial goes on from its last checkpoint in another process",
)
def test_a_killed_worker_costs_nothing_but_its_epochs_since_the_last_checkpoint(
    begun: subprocess.Popen[str], home: Path
) -> None:
    trials = [worker for worker in workers(begun.pid) if "ImplicitFunc" in worker[1]]
    assert trials, workers(begun.pid)
    before = len(events(home))
    os.kill(trials[0][0], signal.SIGKILL)
    stdout, stderr = finish(begun, home)
    assert begun.returncode == 0, stderr
    assert len(events(home)) > before
    nothing_is_lost(json.loads(stdout))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "Ray's process on a worker's host is killed",
    "its trials go on from their last checkpoints elsewhere",
)
def test_a_killed_raylet_costs_no_trial(measured_home: Path, tmp_path: Path) -> None:
    """The process that runs Ray on one of two machines, which takes its trials with it."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        lost = cluster.add_node(num_cpus=1)
        where = ("--address", cluster.address, "--storage", str(tmp_path / "shared"))
        with begin(measured_home, tmp_path, *where) as process:
            assert trains_under(lost.all_processes["raylet"][0].process.pid)
            lost.kill_raylet()
            stdout, stderr = finish(process, measured_home)
    finally:
        cluster.shutdown()
    assert process.returncode == 0, stderr
    nothing_is_lost(json.loads(stdout), tmp_path / "shared")


def has_begun(home: Path, trial: str) -> bool:
    opened = [one["tags"]["mlflow.runName"] for one in events(home) if one["kind"] == "open"]
    return trial in opened


def trains_under(raylet: int) -> bool:
    """Whether a trial's process is a child of it, and so will end with it."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(raylet)], capture_output=True, text=True
    )
    return "ImplicitFunc" in listed.stdout


def test_what_cannot_be_gone_on_with_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tuning.cli import main

    monkeypatch.setattr("tuning.console.console.width", 300)
    for arguments, said in (
        (["--name", "none", "--resume"], "no study 'none' to go on with"),
        (["--name", "none", "--resume", "--seed", "9"], "--seed: a study that is gone on with"),
    ):
        monkeypatch.setattr(sys, "argv", ["mmatune", "tune", "demo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_what_ray_tune_does_not_know_is_forgotten_and_suggested_again_once(home: Path) -> None:
    url = optuna_storage_url()
    study = optuna.create_study(study_name="cut", storage=url, direction="maximize")
    enqueue(study, {"x": 0.125, "y": 0.25})
    half, whole, ended = study.ask(), study.ask(), study.ask()
    half.suggest_float("x", 0, 1)  # the driver died before it asked for y, and told whose it is
    for trial, name in ((whole, "whole"), (ended, "ended")):
        trial.set_user_attr(RAY_TRIAL, name)
        trial.suggest_float("x", 0, 1)
    study.tell(ended, state=TrialState.FAIL)
    points = (Point("ended", 10, 0.5, 1), Point("whole", 10, 0.6, 2))
    progress = Progress({"ended": "run 1", "whole": "run 2"}, points)
    deleted: list[str] = []
    record: Any = SimpleNamespace(delete=deleted.append)
    known = requeue_untracked_trials("cut", record, progress, {"ended"})
    assert known == Progress({"ended": "run 1"}, points[:1])
    assert deleted == ["run 2"]
    # Another driver dies before anything was suggested.
    assert requeue_untracked_trials("cut", record, known, {"ended"}) == known
    assert deleted == ["run 2"]
    states = [trial.state.name for trial in optuna.load_study(study_name="cut", storage=url).trials]
    assert states == ["FAIL"] * 3 + ["WAITING"] * 2
    again = study.ask()
    assert (again.suggest_float("x", 0, 1), again.suggest_float("y", 0, 1)) == (0.125, 0.25)
    assert study.ask().suggest_float("x", 0, 1) == whole.params["x"]


def test_rungs_are_filled_again_from_the_curves() -> None:
    """The same decision about the next trial as from a scheduler that saw all results itself."""
    from search_spaces.schema import SearchSpace

    space = SearchSpace.model_validate(SPACE)
    points = [
        Point(f"t{trial}", epoch, 0.5 + trial / 100 + epoch / 1000, 10 * epoch + trial)
        for epoch in (10, 20, 30, 60)
        for trial in range(6)
    ]
    seen = StudyScheduler(space)
    for point in points:
        seen._brackets[0].on_result(
            SimpleNamespace(trial_id=point.ray_trial), point.epoch, point.score
        )
    filled = StudyScheduler(space, points)
    assert filled._brackets[0]._rungs == seen._brackets[0]._rungs
    assert any(recorded for _, recorded in filled._brackets[0]._rungs)
    assert not any(recorded for _, recorded in StudyScheduler(space)._brackets[0]._rungs)


def test_a_search_without_a_snapshot_tracks_no_trial(tmp_path: Path) -> None:
    assert tracked_trials(str(tmp_path)) == {}


def test_a_plan_is_read_as_it_was_written_and_an_older_one_too(home: Path) -> None:
    from model.evaluation.protocols import HONEST
    from search_spaces.loading import load_space

    plan = StudyPlan(
        "s", demo(), HONEST, "paper", load_space("paper"), 3, 1, metric="ap", sampler="random"
    )
    save_plan(plan)
    with pytest.raises(InputError, match="never began"):
        read_plan("s", demo())
    mark_begun("s", str(study_folder("s")))
    read = read_plan("s", demo())
    assert (read.metric, read.sampler, read.trials, read.seed) == ("ap", "random", 3, 1)
    assert read.tags() == plan.tags()
    path = study_folder("s") / "plan.json"
    document = json.loads(path.read_text())
    del document["metric"], document["sampler"]
    path.write_text(json.dumps(document))
    read = read_plan("s", demo())
    assert (read.metric, read.sampler) == ("auc", "tpe")
