"""A whole study: every trial is accounted for once, in Ray Tune, in Optuna and in MLflow."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
import torch
import yaml

from model.baselines.registry import core
from model.data.kinds import DEFAULT_KINDS, as_record
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST, sealed_fold
from search_spaces.schema import SearchSpace
from tests.tuning.commands_run import COMMAND, run_mmatune
from tests.tuning.survival import accounted_for_once
from tuning.home import optuna_storage_url, study_folder
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.driver import is_driven, stop_driver
from tuning.record.driver_lock import close_dead_studies
from tuning.record.study_record import runs_of
from tuning.study import StudyResult, run_study

pytestmark = pytest.mark.ray

GOOD = {
    "training.learning_rate": 0.01,
    "features.dim": 0,
    "encoder.dropout": 0.2,
    "edge_decoder.hidden_dim": 64,
}
SPACE = {
    "description": "trials that finish, are stopped early, diverge and raise",
    "schedule": {"report_every": 4, "first_rung": 4, "reduction_factor": 3},
    "fixed": {
        "encoder.type": "gcn",
        "encoder.layers": 1,
        "encoder.norm": "none",
        "training.epochs": 24,
    },
    "search": {
        "training.learning_rate": {"type": "choice", "choices": [0.01, 1e-9, 1e30]},
        "features.dim": {"type": "choice", "choices": [0, 5]},
        "edge_decoder.hidden_dim": {"type": "choice", "choices": [64, 10**9]},
        "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5},
    },
    "start_with": [
        GOOD,
        {**GOOD, "encoder.dropout": 0.1},
        {**GOOD, "training.learning_rate": 1e30},  # diverges
        {**GOOD, "features.dim": 5},  # raises: narrower than the similarities
        {**GOOD, "training.learning_rate": 1e-9},  # never learns: stopped at a rung
        {**GOOD, "training.learning_rate": 1e-9, "encoder.dropout": 0.5},
        {**GOOD, "edge_decoder.hidden_dim": 10**9},  # asks for terabytes
    ],
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, measured_baselines: Path) -> Any:
    """One study in a home of its own, and its result."""
    home = tmp_path_factory.mktemp("study-home")
    shutil.copytree(measured_baselines, home, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        patch.setattr("tuning.forecast.probe.SAMPLED", 2)  # a short probe
        patch.setattr("tuning.search.run.MAX_FAILURES", 1)  # a process starts for each
        plan = StudyPlan(
            name="mixed",
            dataset=demo(),
            protocol=HONEST,
            space_name="test",
            space=SearchSpace.model_validate(SPACE),
            trials=7,
            seed=0,
            gpus_per_trial="auto",
        )
        yield home, run_study(plan)


@pytest.fixture
def result(study: Any, monkeypatch: pytest.MonkeyPatch) -> StudyResult:
    home, finished = study
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    return finished


def mlflow_runs(result: StudyResult) -> list[Any]:
    return runs_of(mlflow_client(), result.experiment_id)


@pytest.mark.survives(
    "a trial diverges, raises, or asks for memory that is not there",
    "it alone is recorded as failed, with the reason",
)
def test_every_trial_ended_once_and_is_recorded_as_it_ended(result: StudyResult) -> None:
    trials = accounted_for_once("mixed", 7, study_folder("mixed"))
    by_name = {run.info.run_name: run for run in trials}
    statuses = {name: run.data.tags["status"] for name, run in by_name.items()}
    assert statuses["trial-003"] == "failed"
    assert "not finite" in by_name["trial-003"].data.tags["reason"]
    assert statuses["trial-004"] == "failed"
    assert "narrower" in by_name["trial-004"].data.tags["reason"]
    assert statuses["trial-007"] == "failed"
    assert "memory" in by_name["trial-007"].data.tags["reason"]
    assert "finished" in (statuses["trial-001"], statuses["trial-002"])
    assert "stopped early" in (statuses["trial-005"], statuses["trial-006"])
    mlflow_status = {"finished": "FINISHED", "stopped early": "KILLED", "failed": "FAILED"}
    assert all(run.info.status == mlflow_status[run.data.tags["status"]] for run in trials)


def test_runs_carry_parameters_curves_and_checkpoints(result: StudyResult) -> None:
    runs = mlflow_runs(result)
    client = mlflow_client()
    winner = next(run for run in runs if run.info.run_name == _best(result)["name"])
    assert winner.data.tags["mlflow.parentRunId"] == result.run_id
    for tag in ("study", "dataset", "data_hash", "protocol", "space", "seed"):
        assert winner.data.tags[tag]
    config = result.plan.space.configuration({})
    assert winner.data.params.keys() == config.dotted().keys()
    assert winner.data.params["training.epochs"] == "24"  # what it was asked for
    assert _best(result)["params"]["training.epochs"] == str(_best(result)["epoch"])
    curve = client.get_metric_history(winner.info.run_id, "auc")
    steps = [4, 8, 12, 16, 20, 24]
    assert [point.step for point in curve] == steps[: len(curve)]
    assert (len(curve) == len(steps)) == (winner.data.tags["status"] == "finished")
    files = client.list_artifacts(winner.info.run_id, "checkpoint")
    names = ("out_of_fold", "replicas")
    assert [file.path for file in files] == [f"checkpoint/{name}.safetensors" for name in names]
    assert {"seconds", "device_seconds", "setup_seconds"} <= winner.data.metrics.keys()
    assert (winner.data.tags["device"], int(winner.data.tags["rung"]) < 24) == ("cpu", True)
    for run in runs:  # MLflow's tables order trials and baselines by one name
        if run.data.tags["kind"] == "baseline":
            assert run.data.metrics["chosen_auc"] == run.data.metrics["auc"]
    parent = client.get_run(result.run_id)
    assert parent.info.status == "FINISHED"
    # How many trials share a device, from a probe that two of these configurations make fail.
    assert f"{parent.data.tags['trials_at_once']} at once" in parent.data.tags["packing"]
    kept = {file.path for file in client.list_artifacts(result.run_id)}
    assert {"leaderboard.json", "search_space.json"} <= kept


def _best(result: StudyResult) -> dict[str, Any]:
    return next(row for row in result.rows if row["kind"] == "trial")


def test_the_leaderboard_has_baselines_and_trials_that_finished_or_were_stopped(
    result: StudyResult,
) -> None:
    kinds = Counter(row["kind"] for row in result.rows)
    runs = mlflow_runs(result)
    ranked = [run for run in runs if run.data.tags["status"] in ("finished", "stopped early")]
    assert kinds["baseline"] == len(core())
    others = len(core()) + kinds["ensemble"] + 1  # the study's own run
    assert kinds["trial"] == len(ranked) - others
    stopped = [row for row in result.rows if row["ended"] == "stopped early"]
    assert stopped
    assert all(row["epoch"] < 24 for row in stopped)
    own = next(run for run in runs if run.data.tags["kind"] == "study")
    assert own.data.metrics["best_auc"] == _best(result)["auc"] == own.data.metrics["auc"]
    aucs = [row["auc"] for row in result.rows]
    assert aucs == sorted(aucs, reverse=True)


def test_every_score_is_that_of_a_training_of_the_chosen_epochs_bit_for_bit(
    result: StudyResult,
) -> None:
    """What `confirm` trains of each trial, whether it finished or was stopped."""
    from model.evaluation.protocols import development_folds
    from model.training.cross_validation import CrossValidation
    from tuning.record.finished_study import read_study

    torch.set_num_threads(1)  # as a worker
    candidates = read_study("mixed", None, Path()).candidates
    trials = [row for row in result.rows if row["kind"] == "trial"]
    assert [one.name for one in candidates] == [row["name"] for row in trials]
    folds = development_folds(result.plan.dataset, HONEST, 0)
    for one, row in zip(candidates, trials, strict=True):
        epochs = one.configuration.training.epochs
        assert epochs == row["epoch"]
        validation = CrossValidation(one.configuration, result.plan.dataset, folds, seed=0)
        validation.train(epochs)
        summary = validation.evaluate().summary()
        assert (summary["auc"], summary["ap"]) == (one.development_score, row["ap"])
        assert summary["auc_sd"] == one.development_sd


def test_the_winner_is_registered_as_champion_and_scores_pairs(result: StudyResult) -> None:
    from tuning.registry.versions import load, resolve

    assert result.registration is not None
    assert result.registration.is_champion
    found = resolve("demo")
    assert float(found.tags["development_auc"]) == pytest.approx(_best(result)["auc"])
    dataset = result.plan.dataset
    pairs = pd.DataFrame({"mirna": dataset.rows[:40], "small_molecule": dataset.columns[0]})
    scored = load(found).predict(pairs)
    assert scored["probability"].between(0, 1).all()
    assert scored["probability"].nunique() > 10


def test_the_registered_model_never_saw_the_sealed_part(result: StudyResult) -> None:
    """Trained again without the sealed associations in the data, it gives the same scores."""
    import dataclasses

    from model.evaluation.fresh_splits import DevelopmentPart
    from model.evaluation.protocols import development_folds, development_pairs
    from model.training.final import final_model
    from tuning.registry.versions import load, resolve

    dataset = result.plan.dataset
    sealed = sealed_fold(dataset, HONEST, 0).held_out
    erased = dataset.associations.copy()
    erased[sealed[0], sealed[1] - len(dataset.rows)] = 0
    params = {k: yaml.safe_load(v) for k, v in _best(result)["params"].items()}
    torch.set_num_threads(1)  # as the worker that trained it
    searched = {k: params[k] for k in [*SPACE["search"], "training.epochs"]}
    final = final_model(
        result.plan.space.configuration(searched),
        DevelopmentPart(
            dataclasses.replace(dataset, associations=erased), sealed.T - [0, len(dataset.rows)]
        ),
        development_folds(dataset, HONEST, 0),
        development_pairs(dataset, HONEST, 0),
        seed=0,
    )
    rows, columns = np.indices(dataset.associations.shape)
    pairs = pd.DataFrame(
        {
            "mirna": np.array(dataset.rows)[rows.ravel()],
            "small_molecule": np.array(dataset.columns)[columns.ravel()],
        }
    )
    scored = load(resolve("demo")).predict(pairs)["probability"].to_numpy()
    assert np.allclose(scored, final.probability.ravel(), atol=1e-5)


def test_the_registered_model_brings_the_training_checkpoint(result: StudyResult) -> None:
    from model.training.checkpoint import load_checkpoint
    from tuning.registry.versions import load, resolve

    found = resolve("demo")
    folder = Path(found.source.removeprefix("file://"))
    assert not [file for file in folder.rglob("*") if file.suffix in (".pkl", ".pickle", ".pt")]
    read = load_checkpoint(folder / "artifacts" / "checkpoint.safetensors")
    assert read.data_hash == found.tags["data_hash"] == result.plan.dataset.content_hash
    assert read.config.dotted() == json.loads(found.tags["configuration"])
    assert read.config.training.epochs == _best(result)["epoch"]
    torch.set_num_threads(1)  # as the worker that trained it
    scorer = load(found).unwrap_python_model()
    assert read.rows == tuple(scorer.rows)
    assert np.array_equal(read.probabilities().astype(np.float32), scorer.probability_MS)


def test_study_list_and_show(result: StudyResult, capsys: pytest.CaptureFixture[str]) -> None:
    (row,), shown = (
        json.loads(run_mmatune(capsys, "study", *arguments, "--json")[1])
        for arguments in (["list"], ["show", "mixed"])
    )
    assert row == {
        "name": "mixed",
        "dataset": "demo",
        "kinds": as_record(DEFAULT_KINDS),
        "protocol": "honest",
        "status": "finished",
        "trials": 7,
        "metric": "auc",
        "best": _best(result)["auc"],
        "best_auc": _best(result)["auc"],
        "experiment_id": result.experiment_id,
    }
    assert shown["rows"] == result.rows
    assert shown["data_hash"] == result.plan.dataset.content_hash


@pytest.mark.parametrize(
    ("dataset", "data_dir", "where"),
    [
        ("demo", None, ""),
        ("demo", Path("my copies"), " --data-dir 'my copies'"),
        ("../my-data", None, " --data ../my-data"),
    ],
)
def test_what_is_typed_next_finds_the_data_again(
    dataset: str,
    data_dir: Path | None,
    where: str,
    result: StudyResult,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tuning.commands.outcome import show

    show(result, [], dataset, data_dir)
    assert f"Next:  mmatune confirm mixed{where}\n" in capsys.readouterr().err


def test_a_name_is_used_once(result: StudyResult) -> None:
    with pytest.raises(InputError, match="already"):
        run_study(result.plan)


@pytest.mark.survives(
    "the command ends for good",
    "nothing is left running; the next `tune`, or `mmatune study sync`, closes its runs",
)
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_a_study_that_is_interrupted_or_killed(
    number: signal.Signals, code: int, measured_home: Path, tmp_path: Path
) -> None:
    """Ctrl-C closes everything; after SIGKILL the next start does. No process is left behind."""
    space = {
        "description": "trials that are still running when the study is cut",
        "schedule": {"report_every": 20, "first_rung": 4000},
        "fixed": {**SPACE["fixed"], "training.epochs": 5000},
        "search": {"encoder.dropout": SPACE["search"]["encoder.dropout"]},
    }
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space))
    command = [*COMMAND, "tune", "demo"]
    command += ["--space", str(tmp_path / "space.yaml"), "--trials", "4", "--name", "cut"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _wait_for_curves(measured_home, process)
        if number == signal.SIGINT:
            stop_driver("cut")  # as `mmatune study stop` does
            with pytest.raises(InputError, match="no process on this machine runs"):
                stop_driver("cut")
        else:
            os.kill(process.pid, number)
        stderr = process.communicate()[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == code, stderr
    client = mlflow_client()
    experiment = client.get_experiment_by_name("cut")
    assert experiment is not None
    if number == signal.SIGINT:
        assert "Interrupted" in stderr
        assert "mmatune tune demo --name cut --resume" in stderr
        assert "Traceback" not in stderr
        assert close_dead_studies() == 0
        trials = [
            run
            for run in runs_of(client, experiment.experiment_id)
            if "mask.rate" in run.data.params
        ]
        assert {run.data.tags["status"] for run in trials} == {"killed"}
    else:
        assert any(
            run.info.status == "RUNNING" for run in runs_of(client, experiment.experiment_id)
        )
        assert close_dead_studies() > 0
    runs = runs_of(client, experiment.experiment_id)
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED", "FAILED"}
    assert all(run.data.tags["status"] for run in runs)
    in_optuna = optuna.load_study(study_name="cut", storage=optuna_storage_url()).trials
    assert not [trial for trial in in_optuna if trial.state.name == "RUNNING"]
    _wait_until_gone(process.pid)


def _wait_for_curves(home: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        if is_driven("cut"):
            client = mlflow_client()
            experiment = client.get_experiment_by_name("cut")
            runs = runs_of(client, experiment.experiment_id) if experiment else []
            if any(r.data.tags["kind"] == "trial" and "auc" in r.data.metrics for r in runs):
                return
        time.sleep(0.5)
    pytest.fail("the study ended before a trial reported")


def _wait_until_gone(session: int) -> None:
    """Ray's processes of the driver's session end by themselves once it is gone."""
    while True:
        listed = subprocess.run(
            ["ps", "-o", "stat=,args=", "-s", str(session)], capture_output=True, text=True
        ).stdout
        # Ray's own agents take up to two minutes to notice; they hold no work and no lock.
        left = [line for line in listed.splitlines() if not line.startswith("Z")]
        if not [line for line in left if "Agent" not in line]:
            return
        time.sleep(0.5)
