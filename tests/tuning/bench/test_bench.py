"""Benchmarks measure what they say, in turn, and print one document."""

import json
import os
from pathlib import Path

import pytest
import torch

from model.data.similarities import Similarities
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from search_spaces.loading import load_space
from search_spaces.schedule import Schedule
from tuning.bench.measuring import Figure, in_turn, paired_ratio
from tuning.bench.published import PublishedLoop
from tuning.bench.trial import FIVE, ONE, PLAIN, PUBLISHED, bench_trial


def test_actions_run_in_turn_after_one_that_does_not_count() -> None:
    calls: list[str] = []
    seconds = in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=3)
    assert calls == ["a", "b"] * 4
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_paired_within_a_turn() -> None:
    # The machine is ten times slower in the second turn; the ratio does not notice.
    assert paired_ratio([1.0, 10.0, 1.0], [2.0, 20.0, 2.0]) == 0.5
    assert Figure.of("a", [3.0, 1.0, 2.0], "s") == Figure("a", 2.0, "s", 1.0, 2.0, 3.0, 3)


@pytest.mark.heavy
def test_the_published_structure_learns_its_associations() -> None:
    """It trains a real model: were it to skip work, its time would mean nothing."""
    torch.manual_seed(0)
    dataset = demo()
    fold = development_folds(dataset, HONEST, seed=0)[0]
    loop = PublishedLoop(Configuration.published(), Similarities.of(dataset), fold.train_pairs)
    losses = [float(loop.train_epoch()) for _ in range(40)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_bench_trial_reports_every_figure_per_epoch_and_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tuning.bench.trial.EPOCHS", 1)
    before = torch.get_num_threads()
    seen: set[int] = set()
    result = bench_trial(
        demo(),
        repeats=1,
        device="cpu",
        threads=before + 1,
        progress=lambda done, total: seen.add(torch.get_num_threads()),
    )
    assert seen == {before + 1}
    assert torch.get_num_threads() == before
    json.dumps(result, allow_nan=False)
    figures = {figure["name"]: figure for figure in result["figures"]}
    assert {PUBLISHED, PLAIN, ONE, FIVE} < figures.keys()
    assert {figure["unit"] for figure in figures.values()} == {"ms per epoch and fold"}
    # One repeat: the ratio of whole trainings is that of the figures times the number of folds.
    expected = 5 * figures[FIVE]["value"] / figures[ONE]["value"]
    assert result["ratios"]["5 folds / 1 fold"] == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_is_measured_and_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tuning.study
    from tuning.bench.study import CURVE, bench_study

    degree = {"additive degree": tuning.study.BASELINES["additive degree"]}
    monkeypatch.setattr(tuning.study, "BASELINES", degree)
    space = load_space("paper").model_copy(
        update={
            "fixed": {"training.epochs": 20, "encoder.layers": 1},
            "schedule": Schedule(report_every=10, first_rung=10),
        }
    )
    result = bench_study(demo(), "small", space, trials=3)
    figures = {figure["name"]: figure for figure in result["figures"]}
    ratios = result["ratios"]
    busy, wall = figures["training and evaluation"]["value"], figures["wall of the search"]["value"]
    assert 0 < ratios["useful compute"] == pytest.approx(busy / (result["machine"]["cores"] * wall))
    assert 0 < ratios["useful compute, of the command"] < ratios["useful compute"] <= 1
    assert 0 < ratios["MLflow's share"] < 1
    # To log a curve is a line on disk a point, and little beside what a trial waits to report it.
    curve, report = (figures[name]["value"] for name in (CURVE, "a report"))
    assert 0 < curve < 1000 * report / 10
    assert os.environ["MMATUNE_HOME"] == str(home)
    assert not list(home.iterdir())


@pytest.mark.heavy
def test_scale_measures_each_size_both_ways() -> None:
    """A network of 10,000 associations is quick enough to be measured here."""
    from tuning.bench.scale import bench_scale

    result = bench_scale([10_000], 1, lambda name: None)
    figures = {one["name"].partition(": ")[2]: one["value"] for one in result["figures"]}
    assert {"epoch", "peak memory", "pairs ranked", "its standard error"} <= figures.keys()
    assert 0 < figures["its standard error"] < 0.01
    assert 0.2 < figures["peak memory"] < 8
    assert list(result["ratios"]) == ["10,000 associations, 1,000 nodes: sparse / dense"]
