"""`tune --plan` and what it measures, for real on this machine's processor."""

import json
import os
import shutil
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from search_spaces.schema import SearchSpace
from tests.tuning.commands_run import run_mmatune
from tests.tuning.probes import COST, probe
from tuning.cluster.session import Resources
from tuning.forecast import outlook
from tuning.forecast.estimate import forecast
from tuning.forecast.prober import Prober
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client

SPACE = {
    "description": "two widths, and a configuration that cannot be trained",
    "schedule": {"report_every": 10, "first_rung": 10},
    "fixed": {"encoder.layers": 1, "training.epochs": 40},
    "search": {
        "encoder.out_dim": {"type": "choice", "choices": [16, 32]},
        "features.dim": {"type": "choice", "choices": [0, 5]},
    },
    "start_with": [
        {"encoder.out_dim": 16, "features.dim": 0},
        {"encoder.out_dim": 16, "features.dim": 5},
    ],
}

SAMPLED = 8  # random configurations of the probe


def plan(**more: Any) -> StudyPlan:
    space = SearchSpace.model_validate(SPACE)
    return StudyPlan("planned", demo(), HONEST, "test", space, trials=6, **more)


def test_a_plan_asks_whether_the_name_is_free(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mlflow_client().create_experiment("taken", tags={"study": "taken"})
    code, _, stderr = run_mmatune(capsys, "tune", "demo", "--plan", "--name", "taken")
    assert code == 2
    assert "there is a study 'taken' already" in stderr


@pytest.mark.heavy
def test_a_plan_asks_whether_the_server_answers(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as silent:  # bound and not listening
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        code, _, stderr = run_mmatune(capsys, "tune", "demo", "--plan")
    assert code == 2
    assert "no MLflow server answers" in stderr
    assert not list(home.iterdir())


@pytest.mark.ray
def test_a_plan_is_measured_here_and_starts_nothing(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tuning.cli import main

    monkeypatch.setattr("tuning.forecast.probe.SAMPLED", SAMPLED)
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(SPACE))
    arguments = ["tune", "demo", "--space", str(file), "--trials", "6", "--plan", "--json"]
    monkeypatch.setattr(sys, "argv", ["mmatune", *arguments, "--gpus-per-trial", "auto"])
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert ended.value.code in (0, None), captured.err
    found = json.loads(captured.out)
    assert not list(home.iterdir()), "nothing is left in the home"
    measured = found["probe"]
    cores = len(os.sched_getaffinity(0))
    if not torch.cuda.is_available():
        assert measured["device"] == "cpu"
        assert found["packing"].startswith("torch sees no GPU: one thread a trial")
        assert found["trials_at_once"] <= measured["cores"] <= cores
    # One of the two starting points cannot be trained, nor can those like it.
    assert "narrower" in measured["failure"]
    assert [cost["is_start"] for cost in measured["costs"]].count(True) == 1
    assert 1 < len(measured["costs"]) < 1 + SAMPLED
    assert {cost["epochs"] for cost in measured["costs"]} == {40}
    for cost in measured["costs"]:
        assert min(cost["setup"], cost["epoch"], cost["evaluation"]) > 0
        assert cost["checkpoint"] > 10_000
    assert set(measured["throughput"]) >= {"1"}
    assert 150 * 2**20 < measured["trial_machine_memory"] < 8 * 2**30  # with torch
    assert 6 * 10 <= found["expected"]["epochs"] <= found["without_stopping"]["epochs"] <= 6 * 40
    assert found["expected"]["wall"] > measured["start"]
    # What people read says the same.
    assert f"{found['expected']['epochs']:,.0f}" in captured.err
    assert found["packing"] in " ".join(captured.err.split())


class _Costly:
    """Stands in for a cross-validation: each call moves the clock on by a known time."""

    now = 0.0

    def __init__(self, configuration: Configuration, *_: Any, **__: Any) -> None:
        self.config = configuration
        _Costly.now += 0.05

    def train(self, epochs: int) -> float:
        _Costly.now += 0.02 * epochs
        return 0.0

    def evaluate(self) -> None:
        _Costly.now += 0.08

    def save(self, folder: Path) -> None:
        (folder / "a").write_bytes(b"0" * 1234)


@pytest.fixture
def prober() -> Prober:
    return Prober(demo(), development_folds(demo(), HONEST, 0), 0)


def test_seconds_and_bytes_are_those_of_one_epoch_one_evaluation_one_checkpoint(
    prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.training.cross_validation.CrossValidation", _Costly)
    clock = SimpleNamespace(perf_counter=lambda: _Costly.now)
    monkeypatch.setattr("tuning.forecast.prober.time", clock)
    cost = prober.cost(Configuration(), True, False)
    assert (cost.is_start, cost.is_spared, cost.checkpoint) == (True, False, 1234)
    assert cost.epochs == Configuration().training.epochs
    assert cost.epoch == pytest.approx(0.02)
    assert cost.setup == pytest.approx(0.05)
    assert cost.evaluation == pytest.approx(0.08)
    assert prober.rate(Configuration()) == pytest.approx(1 / 0.02)


@pytest.mark.heavy
def test_the_most_memory_that_was_ever_taken_is_told(prober: Prober) -> None:
    before = prober.memory()["trial_machine_memory"]
    now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    more = 2**30  # much beside what other threads give back meanwhile
    np.ones(before - now + more, dtype=np.uint8).sum()
    after = prober.memory()["trial_machine_memory"]
    assert after - before == pytest.approx(more, rel=0.3)


def test_a_disk_that_is_too_small_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = Resources(1.0, 0.0, 2)
    found = forecast(plan().space, 6, probe(costs=(COST,)), resources, 1, pairs=1000)
    both = found.home_bytes + found.checkpoint_bytes  # on one disk
    disk = SimpleNamespace(free=both)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    storage = str(tmp_path / "to" / "come")
    outlook._check_disk(plan(storage=storage), found)
    outlook._check_disk(plan(), found)
    for room, where in ((both - 1, "--storage"), (found.home_bytes - 1, "MMATUNE_HOME")):
        disk.free = room
        with pytest.raises(InputError, match="would write") as caught:
            outlook._check_disk(plan(storage=storage), found)
        assert caught.value.where == where
    disk.free = found.home_bytes  # what a bucket has room for, nobody says
    outlook._check_disk(plan(storage="s3://bucket/a"), found)
