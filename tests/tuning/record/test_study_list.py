"""The list of studies: what an ended one says of itself is what its trials say."""

import json
from pathlib import Path

import pytest

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.loading import load_space
from tests.tuning.commands_run import run_mmatune
from tuning.bench.store import bench_store, fill_study
from tuning.plan import StudyPlan
from tuning.record import study_list
from tuning.record.client import mlflow_client
from tuning.record.driver_lock import driving
from tuning.record.leaderboard import count_endings, leaderboard_rows
from tuning.record.study_record import runs_of


def filled(name: str, trials: int = 6) -> list:
    """An ended study, and its runs."""
    fill_study(StudyPlan(name, demo(), HONEST, "full", load_space("full"), trials))
    client = mlflow_client()
    return runs_of(client, client.get_experiment_by_name(name).experiment_id)


def test_an_ended_study_is_read_from_its_own_run(home: Path, monkeypatch) -> None:
    runs = filled("ended")
    best = next(row["auc"] for row in leaderboard_rows(runs) if row["kind"] == "trial")
    read = []
    monkeypatch.setattr(study_list, "runs_of", lambda *arguments: read.append(arguments) or [])
    (row,) = study_list.list_studies()
    assert (row["name"], row["status"], row["protocol"]) == ("ended", "finished", "honest")
    assert row["trials"] == sum(count_endings(runs).values()) == 6
    assert row["best_auc"] == best
    assert read == []


def test_of_one_that_has_not_ended_the_trials_are_read(home: Path) -> None:
    runs = filled("gone on with")
    client = mlflow_client()
    own = next(run for run in runs if run.data.tags["kind"] == "study")
    trial = next(run for run in runs if run.data.tags["kind"] == "trial")
    client.delete_tag(own.info.run_id, "status")  # as `tune --resume` does
    client.delete_run(trial.info.run_id)
    (row,) = study_list.list_studies()
    assert (row["status"], row["trials"]) == ("running", 5)


def test_experiments_of_others_are_no_studies(home: Path) -> None:
    mlflow_client().create_experiment("of somebody else")
    assert study_list.list_studies() == []


def test_the_bench_reads_what_it_wrote_and_leaves_nothing(home: Path) -> None:
    found = bench_store(
        demo(), load_space("full"), runs=12, trials=6, repeats=1, progress=lambda said: None
    )
    assert [one["name"] for one in found["figures"]] == ["list", "leaderboard", "report"]
    assert all(one["value"] > 0 for one in found["figures"])
    assert list(home.iterdir()) == []


def test_a_study_whose_driver_died_is_not_running(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = filled("dead")
    own = next(run for run in runs if run.data.tags["kind"] == "study")
    mlflow_client().delete_tag(own.info.run_id, "status")
    with driving("dead"):
        (row,) = study_list.list_studies()
        assert row["status"] == "running"
        driver = json.loads((home / "studies" / "dead" / "driver.json").read_text())
        (home / "studies" / "dead" / "driver.json").write_text(
            json.dumps({**driver, "process": 2**22 + 1})
        )
        (row,) = study_list.list_studies()
        assert row["status"] == "its driver died"
        code, _, stderr = run_mmatune(capsys, "study", "list")
        assert code == 0
        assert "mmatune study sync" in stderr
