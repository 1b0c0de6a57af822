"""A study in a process of its own, to be disturbed, and the check that nothing of it was lost."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.trial import TrialState
from ray.tune import ExperimentAnalysis

from model.data.synthetic import demo
from model.evaluation.epoch_choice import choose_epoch
from tests.tuning.commands_run import COMMAND
from tuning.ending import DEFAULT_METRIC, RANKED, Ending, ending
from tuning.home import optuna_storage_url, study_folder
from tuning.record.client import mlflow_client
from tuning.record.study_record import runs_of
from tuning.repetition import find_trial, repeat_trial
from tuning.search.callbacks import RecordTrials
from tuning.search.resumption import ENDED, RAY_TRIAL

NAME = "cut"
LONG = 120  # epochs of a trial that is under way when something is done to the study
FAR = 40  # epochs after which a trial has a checkpoint
SPACE = {
    "description": "every trial is a starting point, so that the order of things changes nothing",
    "schedule": {"report_every": 10, "first_rung": 20, "reduction_factor": 3},
    "fixed": {
        "encoder.layers": 1,
        "encoder.out_dim": 16,
        "training.epochs": LONG,
    },
    "search": {
        "training.learning_rate": {"type": "choice", "choices": [0.01, 1e-9, 1e30]},
        "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5},
    },
    "start_with": [
        {"training.learning_rate": rate, "encoder.dropout": dropout}
        for rate, dropout in (
            (1e30, 0.1),  # diverges, and so has ended before anything is done to the study
            # The first two pass their first rungs side by side: each is better than the one before.
            (0.01, 0.1),
            (0.01, 0.2),
            (0.01, 0.3),
            (1e-9, 0.1),
        )
    ],
}
TRIALS = len(SPACE["start_with"])


# The command, whose first two trials stop on their way.
HOLDING = [
    sys.executable,
    "-c",
    "from tests.tuning.survival import hold_far_trials; hold_far_trials();"
    " from tuning.cli import main; main()",
]


def command(*arguments: str, start: Sequence[str] = COMMAND) -> list[str]:
    return [*start, "tune", "demo", *arguments]


def hold_far_trials() -> None:
    """In the driver: stop the processes of the first two trials once they are far.

    Training takes a second, and they could end before anything is done to the study.
    """
    proceed = RecordTrials.on_trial_result

    def hold(self: RecordTrials, *position: Any, **named: Any) -> None:
        proceed(self, *position, **named)
        result = named["result"]
        held = held_file(Path(os.environ["MMATUNE_HOME"]))
        before = held.read_text().split() if held.exists() else []
        if result["epoch"] >= FAR and len(before) < 2 and str(result["pid"]) not in before:
            os.kill(result["pid"], signal.SIGSTOP)
            held.write_text(" ".join([*before, str(result["pid"])]))

    RecordTrials.on_trial_result = hold  # type: ignore[method-assign]


def held_file(home: Path) -> Path:
    """The processes that wait; beside the home, which a test may fill, move or make read-only."""
    return home.with_name(f"{home.name}.held")


def held_trials(home: Path) -> list[int]:
    held = held_file(home)
    return [int(process) for process in held.read_text().split()] if held.exists() else []


def release_held_trials(home: Path) -> None:
    for process in held_trials(home):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def events(home: Path) -> list[dict[str, Any]]:
    path = home / "studies" / NAME / "record" / "events.jsonl"
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def has_checkpoints(home: Path) -> bool:
    """A trial has ended, and two others have been measured after their first checkpoint."""
    found = events(home)
    opened = {one["run"] for one in found if one["kind"] == "open" and "mask.rate" in one["params"]}
    ended = {one["run"] for one in found if one["kind"] == "close"} & opened
    far = {one["run"] for one in found if one["kind"] == "metrics" and one["step"] >= FAR}
    return bool(ended) and len((far & opened) - ended) >= 2


def is_far(home: Path) -> bool:
    """A trial has ended, and two others that have checkpoints wait."""
    return has_checkpoints(home) and len(held_trials(home)) == 2


@contextmanager
def begin(home: Path, tmp_path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The study, once a trial has ended and two others have checkpoints, which then wait.

    `finish` lets them go on.
    """
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    process = subprocess.Popen(
        command(
            *("--space", str(tmp_path / "space.yaml"), "--trials", str(TRIALS)),
            *("--name", NAME, "--json", *more),
            start=HOLDING,
        ),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not is_far(home):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.1)
        yield process
    finally:
        release_held_trials(home)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def finish(process: subprocess.Popen[str], home: Path) -> tuple[str, str]:
    """Let the trials that wait go on; the study's stdout and stderr once it has ended."""
    release_held_trials(home)
    return process.communicate()


def workers(session: int) -> list[tuple[int, str]]:
    """Processes of a session and what Ray calls them."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "-s", str(session)], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(maxsplit=1) for line in listed.splitlines()]
    return [(int(number), name) for number, name in lines if name.startswith("ray::")]


def resume() -> dict[str, Any]:
    """Go on with it to its end, in the test's own process; what the command answers."""
    from tuning.cli import main

    arguments = ["tune", "demo", "--name", NAME, "--resume", "--json"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as answer:
        patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
        patch.setattr(sys, "argv", ["mmatune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code, answer.getvalue()
    return json.loads(answer.getvalue())


def nothing_is_lost(document: dict[str, Any], storage: Path | None = None) -> None:
    """Every trial of the study is accounted for once, and the winner is of the undisturbed scores.

    Args:
        document: what the command answered that ended it.
        storage: where it was told to keep its checkpoints.
    """
    runs = accounted_for_once(NAME, TRIALS, (storage or study_folder(NAME).parent) / NAME)
    ended = [run.data.tags["status"] for run in runs]
    assert ended[0] == "failed"  # it diverged
    assert set(ended[1:]) <= {"finished", "stopped early"}
    own = mlflow_client().get_run(document["run_id"])
    assert own.data.tags["status"] == "finished"
    assert "reason" not in own.data.tags
    assert document["model"]["version"] == 1
    best = next(row for row in document["rows"] if row["kind"] == "trial")
    # Trained again without a disturbance it scores the same to the last bit.
    assert best["name"] in ("trial-002", "trial-003", "trial-004"), "it was over before the fault"
    assert repeat_trial(find_trial(best["run_id"]), demo()).identical


def accounted_for_once(study: str, trials: int, folder: Path) -> list[Any]:
    """Every trial has ended once, and alike in Ray Tune's results, in Optuna's study and in MLflow.

    Args:
        folder: of the study in its storage.

    Returns:
        MLflow's runs of the trials, in their order.
    """
    client = mlflow_client()
    experiment = client.get_experiment_by_name(study)
    runs = runs_of(client, experiment.experiment_id, "tags.kind = 'trial'")
    runs.sort(key=lambda run: run.info.run_name)
    assert [run.info.run_name for run in runs] == [f"trial-{k:03d}" for k in range(1, trials + 1)]
    in_ray = {trial.trial_id: trial for trial in ExperimentAnalysis(str(folder / "ray")).trials}
    assert sorted(in_ray) == sorted(run.data.tags[RAY_TRIAL] for run in runs)
    for run in runs:
        trial = in_ray[run.data.tags[RAY_TRIAL]]
        assert trial.is_finished(), run.info.run_name
        ended = ending(trial.last_result, error=trial.status == "ERROR")
        assert run.data.tags["status"] == ended, run.info.run_name
        curve = client.get_metric_history(run.info.run_id, DEFAULT_METRIC)
        steps = [point.step for point in curve]
        assert len(set(steps)) == len(steps), f"{run.info.run_name} has a point twice"
        if ended is not Ending.FAILED:
            every = steps[0]
            assert steps == list(range(every, steps[-1] + 1, every)), run.info.run_name
            assert curve[-1].value == trial.last_result[DEFAULT_METRIC]
            assert steps[-1] == trial.last_result["epoch"]
        assert_chosen(client, run, curve)
    in_optuna = optuna.load_study(study_name=study, storage=optuna_storage_url()).trials
    # One whose driver died was told as failed, and added again; the later one says which it was.
    again = {trial.user_attrs.get("resumed") for trial in in_optuna}
    told: dict[str, list[str]] = {}
    for trial in in_optuna:
        if trial.number not in again:
            # One whose driver died was told as failed by the next process, which knows no more.
            ended = trial.user_attrs.get(ENDED, "killed")
            told.setdefault(trial.user_attrs[RAY_TRIAL], []).append(ended)
            if ended in RANKED:
                assert trial.state is TrialState.COMPLETE
                chosen = {run.data.tags[RAY_TRIAL]: run.data.metrics for run in runs}
                of_run = chosen[trial.user_attrs[RAY_TRIAL]]
                assert trial.value == of_run[f"chosen_{DEFAULT_METRIC}"]
    # Its driver died before Ray Tune had written it down: it was suggested anew.
    untracked = [told.pop(trial) for trial in told.keys() - in_ray.keys()]
    assert all(endings in (["killed"], ["failed"]) for endings in untracked)
    assert told == {run.data.tags[RAY_TRIAL]: [run.data.tags["status"]] for run in runs}
    return runs


def assert_chosen(client: Any, run: Any, curve: list[Any]) -> None:
    """A trial that may win has the scores at the epoch that is chosen from its whole curve."""
    metrics = run.data.metrics
    if run.data.tags["status"] not in RANKED:
        assert "chosen_epoch" not in metrics
        return
    choice = choose_epoch({point.step: point.value for point in curve})
    assert choice
    assert (metrics["chosen_epoch"], metrics[f"chosen_{DEFAULT_METRIC}"]) == (
        choice.epoch,
        choice.score,
    )
    for name in (f"{DEFAULT_METRIC}_sd", "ap", "ap_sd"):
        points = client.get_metric_history(run.info.run_id, name)
        at = {point.step: point.value for point in points}
        assert metrics[f"chosen_{name}"] == at[choice.epoch]
