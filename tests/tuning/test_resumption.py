"""A study loses its driver or a worker, and goes on: every trial once, scores as if undisturbed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from ray.cluster_utils import Cluster

from model.errors import InputError
from model.synthetic import demo
from tuning.home import optuna_storage_url
from tuning.mlflow_client import mlflow_client
from tuning.record import runs_of
from tuning.resumption import Point, read_plan
from tuning.scheduler import StudyScheduler
from tuning.study import resume_study

SPACE = {
    "description": "every trial is a starting point, so that the order of things changes nothing",
    "schedule": {"report_every": 10, "first_rung": 20, "reduction_factor": 3},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 16},
    "search": {
        "training.epochs": {"type": "choice", "choices": [60, 800]},
        "training.learning_rate": {"type": "choice", "choices": [0.01, 1e-9]},
        "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5},
    },
    "start_with": [
        {"training.epochs": epochs, "training.learning_rate": rate, "encoder.dropout": dropout}
        for epochs, rate, dropout in (
            (60, 0.01, 0.1),
            (800, 0.01, 0.2),
            (800, 0.01, 0.3),
            (800, 0.01, 0.25),
            (60, 1e-9, 0.1),
        )
    ],
}
TRIALS = len(SPACE["start_with"])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from tuning.cli import main; main()", "tune", "demo", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def events(home: Path) -> list[dict[str, Any]]:
    path = home / "studies" / "cut" / "record" / "events.jsonl"
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def has_checkpoints(home: Path) -> bool:
    """A trial has ended, and two others have been measured after their first checkpoint."""
    found = events(home)
    opened = {one["run"] for one in found if one["kind"] == "open" and "mask.rate" in one["params"]}
    ended = {one["run"] for one in found if one["kind"] == "close"} & opened
    far = {one["run"] for one in found if one["kind"] == "metrics" and one["step"] >= 40}
    return bool(ended) and len((far & opened) - ended) >= 2


@contextmanager
def begin(home: Path, tmp_path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A study in a process of its own, once a trial has ended and others have checkpoints."""
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    process = subprocess.Popen(
        command(
            *("--space", str(tmp_path / "space.yaml"), "--trials", str(TRIALS)),
            *("--name", "cut", "--json", *more),
        ),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 150
        while not has_checkpoints(home):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def begun(home: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with begin(home, tmp_path) as process:
        yield process


@pytest.mark.ray
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_killed_study_goes_on_and_ends_as_if_nothing_had_been(
    number: signal.Signals, begun: subprocess.Popen[str], home: Path
) -> None:
    os.kill(begun.pid, number)
    begun.communicate(timeout=90)
    before = events(home)
    ended = {one["run"] for one in before if one["kind"] == "close" and one["status"] == "FINISHED"}

    resumed = subprocess.run(
        command("--name", "cut", "--resume", "--json"),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert resumed.returncode == 0, resumed.stderr
    after = events(home)[len(before) :]
    assert not {one["run"] for one in after if one["kind"] == "metrics"} & ended
    every_trial_is_accounted_for_once(json.loads(resumed.stdout))
    plan = read_plan("cut", demo())
    with pytest.raises(InputError, match="finished"):
        resume_study(plan)


@pytest.mark.ray
def test_a_killed_worker_costs_nothing_but_its_epochs_since_the_last_checkpoint(
    begun: subprocess.Popen[str], home: Path
) -> None:
    trials = [worker for worker in workers(begun.pid) if "ImplicitFunc" in worker[1]]
    assert trials, workers(begun.pid)
    before = len(events(home))
    os.kill(trials[0][0], signal.SIGKILL)
    stdout, stderr = begun.communicate(timeout=240)
    assert begun.returncode == 0, stderr
    assert len(events(home)) > before
    every_trial_is_accounted_for_once(json.loads(stdout))


@pytest.mark.ray
def test_a_killed_raylet_costs_no_trial(home: Path, tmp_path: Path) -> None:
    """The process that runs Ray on one of two machines, which takes its trials with it."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        lost = cluster.add_node(num_cpus=1)
        where = ("--address", cluster.address, "--storage", str(tmp_path / "shared"))
        with begin(home, tmp_path, *where) as process:
            assert trains_under(lost.all_processes["raylet"][0].process.pid)
            lost.kill_raylet()
            stdout, stderr = process.communicate(timeout=240)
    finally:
        cluster.shutdown()
    assert process.returncode == 0, stderr
    every_trial_is_accounted_for_once(json.loads(stdout))


def trains_under(raylet: int) -> bool:
    """Whether a trial's process is a child of it, and so will end with it."""
    listed = subprocess.run(
        ["ps", "-o", "args=", "--ppid", str(raylet)], capture_output=True, text=True
    )
    return "ImplicitFunc" in listed.stdout


def workers(session: int) -> list[tuple[int, str]]:
    """Processes of a session and what Ray calls them."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "-s", str(session)], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(maxsplit=1) for line in listed.splitlines()]
    return [(int(number), name) for number, name in lines if name.startswith("ray::")]


def every_trial_is_accounted_for_once(document: dict[str, Any]) -> None:
    """In MLflow and in Optuna, with curves that have every point once."""
    client = mlflow_client()
    runs = runs_of(client, document["experiment_id"], "tags.kind = 'trial'")
    names = sorted(run.info.run_name for run in runs)
    assert names == [f"trial-00{k}" for k in range(1, TRIALS + 1)]
    statuses = Counter(run.data.tags["status"] for run in runs)
    assert set(statuses) <= {"finished", "stopped early"}
    for run in runs:
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "auc")]
        assert steps == list(range(10, max(steps) + 1, 10)), run.info.run_name
    study = optuna.load_study(study_name="cut", storage=optuna_storage_url())
    again = {trial.user_attrs["resumed"] for trial in study.trials if trial.user_attrs}
    told = Counter(trial.state.name for trial in study.trials if trial.number not in again)
    ended = Counter(COMPLETE=statuses["finished"], PRUNED=statuses["stopped early"])
    assert told == ended
    own = client.get_run(document["run_id"])
    assert own.data.tags["status"] == "finished"
    assert "reason" not in own.data.tags
    assert document["model"]["version"] == 1
    _scores_are_those_of_an_undisturbed_training(runs)


def _scores_are_those_of_an_undisturbed_training(runs: list[Any]) -> None:
    from tuning.repetition import find_trial, repeat_trial

    resumed = [run for run in runs if run.data.params["training.epochs"] == "800"]
    longest = max(resumed, key=lambda run: run.data.metrics["seconds"])
    assert repeat_trial(find_trial(longest.info.run_id), demo()).identical


def test_what_cannot_be_gone_on_with_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tuning.cli import main

    monkeypatch.setattr("tuning.console.console.width", 300)
    for arguments, said in (
        (["--name", "none", "--resume"], "no study 'none' to go on with"),
        (["--name", "none", "--resume", "--trials", "9"], "--trials: a study that is gone on with"),
    ):
        monkeypatch.setattr(sys, "argv", ["mmatune", "tune", "demo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_rungs_are_filled_again_from_the_curves() -> None:
    """The same decision about the next trial as from a scheduler that saw all results itself."""
    from types import SimpleNamespace

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
