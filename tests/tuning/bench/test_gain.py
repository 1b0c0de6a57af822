"""What a search adds: fair to random search, honest about one data set measured twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.baselines.registry import BASELINES
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST
from model.network.autoencoder import Configuration
from search_spaces.loading import load_space
from tests.tuning.commands_run import run_mmatune
from tuning.bench import gain
from tuning.bench.gain import (
    PRIOR,
    PUBLISHED,
    RANDOM,
    SEARCH,
    Gain,
    add_gain,
    document,
    measure_gain,
    pooled,
    read_gains,
)
from tuning.confirm.tasks import OnSplit
from tuning.ending import Ending
from tuning.home import artifact_root, data_folder
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.finished_study import read_study
from tuning.record.study_record import StudyRecord

pytestmark = pytest.mark.heavy

ROOM = load_space("full")


def write_study(name: str, trials: Sequence[tuple[float, float]], seed: int = 0) -> None:
    """A study of `full`, of each trial its score and seconds; the first is the published one."""
    plan = StudyPlan(name, demo(), HONEST, "full", ROOM, len(trials), seed=seed)
    record = StudyRecord.create(
        mlflow_client(),
        plan.name,
        tags=plan.tags(),
        params={"trials": plan.trials},
        artifact_location=artifact_root() / plan.name,
    )
    record.log_json(record.run_id, asdict(HONEST), "protocol.json")
    for number, (score, seconds) in enumerate(trials, start=1):
        settings = {"training.learning_rate": number / 1000, "training.epochs": 10 * number}
        label = f"trial-{number:03d}" + (" (published)" if number == 1 else "")
        params = ROOM.configuration({**ROOM.start_points()[0], **settings}).dotted()
        run = record.open_child("trial", label, params)
        scores = {"auc": score, "auc_sd": 0.01, "device_seconds": seconds}
        record.log_metrics(run, scores, step=10 * number)
        record.close(run, Ending.FINISHED)
    record.close(record.run_id, Ending.FINISHED)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> dict[str, Configuration]:
    """What was to be trained; every model scores 0.9, every baseline 0.8."""
    asked: dict[str, Configuration] = {}

    def on_splits(
        part: Any,
        protocol: Any,
        configurations: Mapping[str, Configuration],
        baselines: tuple[str, ...],
        seeds: list[int],
        resources: Any,
        progress: Callable[[int, int], None],
        members: Sequence[str],
    ) -> dict[str, list[OnSplit]]:
        asked.update(configurations)
        folds = ({"auc": 0.9, "ap": 0.9, "hits_at_100": 30.0},) * 5
        low = ({"auc": 0.8, "ap": 0.8, "hits_at_100": 20.0},) * 5
        names = {**dict.fromkeys(configurations, folds), **dict.fromkeys(baselines, low)}
        return {name: [OnSplit(each, 1.0)] * len(seeds) for name, each in names.items()}

    monkeypatch.setattr(gain, "measure_on_fresh_splits", on_splits)
    monkeypatch.setattr(gain, "ray_session", nullcontext)
    monkeypatch.setattr(gain, "trial_resources", lambda gpus: None)
    return asked


def measure(first: str = "search", second: str = "random") -> Gain:
    studies = (read_study(name, None, data_folder()) for name in (first, second))
    return measure_gain(*studies, 2, lambda done, total: None)


def test_random_search_gets_the_compute_of_the_search_and_no_more(
    home: Path, trained: dict[str, Configuration]
) -> None:
    write_study("search", [(0.7, 4.0), (0.9, 6.0)])
    write_study("random", [(0.7, 3.0), (0.8, 4.0), (0.75, 3.0), (0.99, 1.0)])
    found = measure()
    # 3 + 4 + 3 seconds are all there are: the best of these, not the one that came after.
    assert trained[RANDOM].training.epochs == 20
    assert trained[SEARCH].training.epochs == 20
    assert trained[PUBLISHED].training.epochs == 10  # as its own trial chose
    assert trained[PRIOR].training.epochs == ROOM.max_epochs  # it was no trial
    assert found.random_compute == 1.0
    assert (found.trials, found.splits, len(found.folds[SEARCH]["auc"])) == (2, 2, 10)
    assert found.best_baseline in BASELINES
    assert found.ahead(SEARCH, found.best_baseline)[0] == pytest.approx(0.1)


@pytest.mark.usefixtures("trained")
def test_what_cannot_be_compared_is_refused(home: Path) -> None:
    write_study("search", [(0.7, 1.0)])
    write_study("random", [(0.7, 3.0)])
    write_study("another-seed", [(0.7, 1.0)], seed=1)
    with pytest.raises(InputError, match="differ in seed"):
        measure("search", "another-seed")
    with pytest.raises(InputError, match="no trial of random search"):
        measure("search", "random")


def made_up(data_hash: str, lead: float, protocol: str = "honest", noise: float = 0.01) -> Gain:
    base = np.random.default_rng(0).normal(0.8, 0.01, 10)
    wobble = np.random.default_rng(1).normal(0, noise, 10)

    def figures(shift: np.ndarray) -> dict[str, list[float]]:
        return {metric: (base + shift).tolist() for metric in gain.METRICS}

    folds = {
        RANDOM: figures(np.zeros(10)),
        SEARCH: figures(lead + wobble - wobble.mean()),
        "additive degree": figures(np.full(10, -0.1)),
    }
    return Gain(data_hash, data_hash, protocol, 24, 1.0, 2, 0.25, folds, {})


def test_one_data_set_measured_twice_is_no_more_evidence() -> None:
    assert pooled([made_up("a", 0.01)], SEARCH, PRIOR) is None
    once, twice, two, mixed = (
        pooled(gains, SEARCH, RANDOM) or {}
        for gains in (
            [made_up("a", 0.01)],
            [made_up("a", 0.01), made_up("a", 0.01, "random")],
            [made_up("a", 0.01), made_up("b", 0.01)],
            [made_up("a", 0.01), made_up("b", -0.01)],
        )
    )
    assert once["difference"] == pytest.approx(0.01)
    assert twice == pytest.approx(once)
    assert two["standard_error"] == pytest.approx(once["standard_error"] / np.sqrt(2))
    assert two["p_value"] < once["p_value"]
    assert mixed["difference"] == pytest.approx(0)


def test_a_file_of_figures_keeps_one_for_each_kind_of_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gains.json"
    add_gain(file, made_up("a", 0.01))
    add_gain(file, made_up("b", 0.02))
    add_gain(file, replace(made_up("a", 0.05), splits=3))
    assert [(one.dataset, one.splits) for one in read_gains(file)] == [("a", 3), ("b", 2)]
    _, out, _ = run_mmatune(capsys, "bench", "gain", "--file", file, "--json")
    found = json.loads(out)
    assert found == json.loads(json.dumps(document(read_gains(file))))
    assert [row["name"] for row in found["rows"][:3]] == [RANDOM, SEARCH, "additive degree"]
    _, _, shown = run_mmatune(capsys, "bench", "gain", "--file", file)
    assert "+0.0500" in shown
    assert "winner of the search over winner of random search: AUC +0.0350" in shown


def test_it_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.json"
    code, _, said = run_mmatune(capsys, "bench", "gain", "one", "--file", file)
    assert (code, "two studies are compared" in said) == (2, True)
    assert run_mmatune(capsys, "bench", "gain", "--file", file)[0] == 2
