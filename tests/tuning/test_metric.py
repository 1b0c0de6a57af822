"""A study of AP: everything that is said of it ranks and is labelled by AP, not by AUC.

Its record is made up: the higher a trial's AP, the lower its AUC.
"""

from __future__ import annotations

import html
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from model.data.similarities import Similarities
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import HONEST, Protocol, case_study, development_folds
from model.network.autoencoder import Configuration
from model.training.final import FinalModel
from search_spaces.schema import SearchSpace
from tuning.cluster.session import Resources
from tuning.commands import confirm as confirm_command
from tuning.confirm.confirmation import ConfirmationPlan, _measured, _open_and_register
from tuning.confirm.tasks import OnSplit
from tuning.ending import Ending
from tuning.home import artifact_root, data_folder
from tuning.jobs.replay import Replay
from tuning.metric import AUC, check_metric, metric_beside, metric_label, recorded_metric
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.finished_study import read_study
from tuning.record.job_log import Announcer, JobLog
from tuning.record.leaderboard import leaderboard_rows, leaderboard_table, score_row, verdict
from tuning.record.study_list import list_studies
from tuning.record.study_record import StudyRecord, runs_of
from tuning.registry.champion import may_be_champion
from tuning.registry.verdict import decide
from tuning.registry.versions import list_models, resolve
from tuning.report.page import render
from tuning.report.reading import read_report
from tuning.study import run_study

pytestmark = pytest.mark.heavy

SPACE = SearchSpace.model_validate(
    {
        "description": "four trials",
        "schedule": {"report_every": 2, "first_rung": 2, "reduction_factor": 2},
        "fixed": {"training.epochs": 4},
        "search": {"mask.rate": {"type": "float", "low": 0.1, "high": 0.9}},
    }
)
APS = (0.6, 0.7, 0.8, 0.9)
BASELINE = "additive degree"


def auc_of(ap: float) -> float:
    return 1.5 - ap


def write_study() -> StudyRecord:
    plan = StudyPlan("of-ap", demo(), HONEST, "test", SPACE, len(APS), metric="ap")
    record = StudyRecord.create(
        mlflow_client(),
        plan.name,
        tags=plan.tags(),
        params={"trials": plan.trials, "max_epochs": 4},
        artifact_location=artifact_root() / plan.name,
    )
    record.log_json(record.run_id, SPACE.model_dump(), "search_space.json")
    record.log_json(record.run_id, asdict(HONEST), "protocol.json")
    for number, ap in enumerate(APS, start=1):
        params = SPACE.configuration({"mask.rate": number / 5}).dotted()
        run = record.open_child("trial", f"trial-00{number}", params)
        for epoch, score in ((2, ap - 0.1), (4, ap)):
            scores = {"auc": auc_of(score), "auc_sd": 0.01, "ap": score, "ap_sd": 0.02}
            record.log_metrics(run, {**scores, "seconds": float(epoch)}, step=epoch)
        record.close(run, Ending.FINISHED)
    run = record.open_child("baseline", BASELINE, {})
    scores = {"auc": 0.99, "auc_sd": 0.01, "ap": 0.65, "ap_sd": 0.02}
    record.log_metrics(run, scores, step=0)
    record.close(run, Ending.FINISHED)
    record.close(record.run_id, Ending.FINISHED)
    return record


def test_what_a_study_of_auc_was_stays(home: Path) -> None:
    assert recorded_metric({}) == AUC
    assert [metric_beside(one) for one in ("auc", "ap", "ndcg")] == ["ap", "auc", "auc"]


def test_a_metric_is_shown_by_its_label_in_the_table_or_by_its_name() -> None:
    assert [metric_label(one) for one in ("auc", "hits_at_100")] == ["AUC", "hits@100"]
    assert metric_label("of_a_package_that_is_gone") == "of_a_package_that_is_gone"


@pytest.mark.parametrize(
    ("metric", "protocol", "said"),
    [
        ("hits_at_10", HONEST, "did you mean hits_at_100?"),
        ("f1", HONEST, "scores of baselines are no probabilities"),
        ("auc_by_column", case_study("demo-mir-60"), "not defined on the folds"),
    ],
)
def test_a_metric_that_would_rank_nothing_is_refused(
    metric: str, protocol: Protocol, said: str, home: Path
) -> None:
    plan = StudyPlan("s", demo(), protocol, "test", SPACE, 1, metric=metric)
    with pytest.raises(InputError) as refused:
        run_study(plan)
    assert said in f"{refused.value}{refused.value.hint}"
    assert list_studies() == []


def test_every_other_metric_of_the_table_may_be_maximised() -> None:
    folds = development_folds(demo(), HONEST, 0)
    for name, metric in METRICS.items():
        if not metric.needs_threshold:
            check_metric(name, folds)


@pytest.mark.parametrize("metric", METRICS)
def test_the_leaderboard_fits_eighty_columns(metric: str) -> None:
    """The study's metric comes first; a row of an earlier version has none of a newer metric."""
    params = {"encoder.type": "linear", "mask.rate": "0.9", "degree_decoder.alpha": "0.00123"}
    values = dict.fromkeys(METRICS, 99.1234) | {f"{name}_sd": 10.1234 for name in METRICS}
    rows = [
        {**score_row("trial-001 (published)", "trial", values), "params": params},
        score_row("kernel ridge similarity+GIP", "baseline", values),
        score_row("additive degree", "baseline", {"auc": 0.5, "ap": 0.5}),
    ]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(leaderboard_table(rows, title="a study", metric=metric))
    heading, *shown = capture.get().splitlines()[1:]
    first, _, second = " ".join(heading.split()).partition(" ± sd ")
    assert first == f"name {metric_label(metric)}"
    assert second == f"{metric_label(metric_beside(metric))} epoch encoder alpha"
    assert [line for line in shown if "99.1234 ± 10.1234 99.1234" in " ".join(line.split())]
    assert [line for line in shown if "0.00123" in line]
    assert metric in ("auc", "ap") or "–" in shown[-1]


def test_the_leaderboard_and_the_list(home: Path) -> None:
    record = write_study()
    runs = runs_of(record.client, record.experiment_id)
    rows = leaderboard_rows(runs)
    best_first = ["trial-004", "trial-003", "trial-002", BASELINE, "trial-001"]
    assert [row["name"] for row in rows] == best_first
    assert verdict(rows, "ap") == f"trial-004 is 0.2500 AP above {BASELINE} on these folds."
    console = Console(width=80)
    with console.capture() as capture:
        console.print(leaderboard_table(rows, title="a study", metric="ap"))
    shown = capture.get()
    assert "AP ± sd" in shown
    assert "0.9000 ± 0.0200 0.6000" in " ".join(shown.split())
    (row,) = list_studies()
    assert (row["metric"], row["best"], row["best_auc"]) == ("ap", 0.9, None)


def test_the_report(home: Path) -> None:
    write_study()
    report = read_report("of-ap", None, data_folder())
    assert report["metric"] == "ap"
    assert report["winner"]["name"] == "trial-004"
    assert report["trials"][0]["curve"] == {"epochs": [2, 4], "ap": [0.5, 0.6]}
    assert report["fidelity"][0]["rank_correlation"] == pytest.approx(1)
    text = " ".join(html.unescape(render(report)).split())
    assert '<th class="n">AP ± sd over folds</th><th class="n">AUC</th>' in text
    assert "0.9000 ± 0.0200" in text
    assert "above additive degree" in text
    assert "AP on the development folds at the epoch chosen from each trial’s curve" in text


def on_splits(ap: float, seconds: float | None) -> list[OnSplit]:
    noise = np.random.default_rng(int(1000 * ap)).normal(0, 0.001, (2, 5))
    return [
        OnSplit(
            tuple({"auc": auc_of(ap), "ap": float(ap + one)} for one in split),
            seconds,
            weights=seconds and int(1000 * seconds),
        )
        for split in noise
    ]


def test_the_confirmation(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study()
    study = read_study("of-ap", None, data_folder())
    assert [one.name for one in study.candidates][:2] == ["trial-004", "trial-003"]
    assert (study.candidates[0].development_score, study.candidates[0].development_sd) == (
        0.9,
        0.02,
    )
    plan = ConfirmationPlan(study, top=2, splits=2, baselines=(BASELINE,))
    found = {"trial-003": on_splits(0.79, 1.0), "trial-004": on_splits(0.85, 9.0)}
    measured = _measured(plan, {**found, BASELINE: on_splits(0.65, None)})
    decided = decide(measured, 0.25)
    assert (decided.best, decided.tied, decided.chosen) == (
        "trial-004",
        ("trial-004",),
        "trial-004",
    )
    scores = np.random.default_rng(0).random(demo().associations.shape)
    calibration = Calibration(1.0, -4.0, 0.01, None)
    pairs, similarities = demo().association_pairs, Similarities.of(demo())
    trained = FinalModel(Configuration(), pairs, 0, scores, calibration, similarities, {})
    monkeypatch.setattr("tuning.confirm.registering.checkpoint", lambda *arguments: b"")
    monkeypatch.setattr("tuning.confirm.training.train_on_everything", lambda *_: trained)
    chosen, resources = study.candidates[0], Resources(1, 0, 1)
    result = _open_and_register(plan, measured, 0.25, decided, chosen, trained, resources)
    document: dict[str, Any] = json.loads(json.dumps(result.document()))
    assert document["metric"] == "ap"
    first, *_, last = document["rows"]
    assert (first["name"], last["name"]) == ("trial-004", BASELINE)
    assert first["confirmed_ap"] == pytest.approx(0.85, abs=0.002)
    assert first["auc"] == pytest.approx(auc_of(0.85))
    assert first["optimism"] == pytest.approx(0.9 - first["confirmed_ap"])
    assert "confirmed_auc" not in first
    tags = resolve("demo/1").tags
    assert tags["metric"] == "ap"
    assert float(tags["fresh_ap"]) == first["confirmed_ap"]
    assert result.sealed is not None
    sealed = {name: value.value for name, value in result.sealed.model.scores.items()}
    assert float(tags["confirmed_ap"]) == sealed["ap"] != sealed["auc"]
    assert not [name for name in tags if name.endswith("auc")]
    assert "On fresh splits: AP 0.8" in resolve("demo/1").description
    (model,) = [one for one in list_models() if one["measured_version"] is None]
    assert (model["metric"], model["development"], model["development_auc"]) == ("ap", 0.9, None)
    confirm_command._show(result)
    said = " ".join(capsys.readouterr().err.split())
    assert "AP ± se AUC ± se" in said
    assert f"on fresh splits: AP (1:1) {first['confirmed_ap']:.4f}" in said
    page = render(read_report("of-ap", None, data_folder()))
    assert f"scores AP <strong>{first['confirmed_ap']:.4f}</strong>" in page
    assert f"AP <strong>{sealed['ap']:.4f}</strong>" in page


def test_scores_of_two_metrics_are_not_compared() -> None:
    common = {"data_hash": "x", "protocol": "honest"}
    new = {**common, "metric": "ap", "fresh_ap": "0.5", "fresh_ap_se": "0.01"}
    old = {**common, "fresh_auc": "0.9", "fresh_auc_se": "0.01"}
    moves, reason = may_be_champion(2, new, 1, old, ())
    assert moves
    assert "by its AUC: their scores cannot be compared" in reason
    moves, reason = may_be_champion(2, new, 1, {**new, "fresh_ap": "0.6"}, ())
    assert not moves
    assert "AP on fresh splits 0.5000 against 0.6000" in reason


def test_the_live_table_of_a_job(capfd: pytest.CaptureFixture[str]) -> None:
    """The log holds the study's own metric alone, and the table is drawn of that."""
    tags = {"kind": "trial", "mlflow.runName": "trial-001", "metric": "ap"}
    params = {name: str(value) for name, value in Configuration().dotted().items()}
    announcer, log, replay = Announcer(), JobLog(), Replay("of-ap")
    for event in (
        {"kind": "open", "run": "a", "time": 0, "tags": tags, "params": params},
        {"kind": "metrics", "run": "a", "step": 2, "values": {"auc": 0.9, "ap": 0.6}},
        {"kind": "tags", "run": "a", "values": {"status": "finished"}},
    ):
        announcer.announce(event)
    printed = capfd.readouterr().out
    assert "auc" not in printed
    for event in log.feed(printed):
        replay.see(event)
    assert replay.table.rows["a"]["ap"] == 0.6
    assert "finished after 2 of" in (said := capfd.readouterr().err)
    assert "AP 0.6000" in said
