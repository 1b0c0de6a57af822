"""One name, one answer: MLflow, its trash, Optuna, folder and storage are asked together."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.commands_run import run_mmatune
from tuning.ending import Ending
from tuning.home import artifact_root, optuna_storage_url, study_folder
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.driver_lock import close_dead_studies, driving
from tuning.record.identity import (
    check_free,
    claim_name,
    identify,
    mark_begun,
    remove_study,
    study_experiment,
    study_experiments,
)
from tuning.record.study_record import StudyRecord, runs_of
from tuning.search.resumption import save_plan
from tuning.study import run_study

SPACE = SearchSpace.model_validate(
    {
        "description": "one point",
        "schedule": {"report_every": 5, "first_rung": 10},
        "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": 10},
        "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
    }
)


def plan(name: str, storage: str | None = None) -> StudyPlan:
    return StudyPlan(name, demo(), HONEST, "tiny", SPACE, 1, storage=storage)


def study(name: str, storage: Path | None = None) -> StudyRecord:
    """What a study of one trial leaves in all four places."""
    record = StudyRecord.create(
        mlflow_client(),
        name,
        tags=plan(name).tags(),
        params={},
        artifact_location=artifact_root() / name,
    )
    trial = record.open_child("trial", "trial-001", {})
    record.log_metrics(trial, {"auc": 0.5}, step=5)
    record.log_json(trial, {}, "kept.json")
    record.close(trial, Ending.FINISHED)
    record.close(record.run_id, Ending.FINISHED)
    optuna.create_study(study_name=name, storage=optuna_storage_url())
    save_plan(plan(name, str(storage) if storage else None))
    mark_begun(name, f"{storage}/{name}" if storage else str(study_folder(name)))
    return record


def trash(name: str) -> None:
    client = mlflow_client()
    client.delete_experiment(client.get_experiment_by_name(name).experiment_id)


def gone_from_mlflow(name: str) -> None:
    """Deleted in the UI and swept by `mlflow gc`, as far as anyone can see."""
    client = mlflow_client()
    experiment = client.get_experiment_by_name(name).experiment_id
    client.rename_experiment(experiment, "of somebody else")


LEFT: dict[str, tuple[Callable[[str], object], str]] = {
    "all four": (lambda name: None, "there is a study 'used' already"),
    "in the trash": (trash, "is in MLflow's trash"),
    "not in MLflow": (gone_from_mlflow, "Optuna's database and the folder .* which MLflow at"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("left", LEFT)
@pytest.mark.survives(
    "a study is deleted in MLflow's UI, or MLflow is another one now, and its name is used again",
    "the name is refused in one line that says where it is known; `mmatune study delete` frees it",
)
def test_a_name_that_any_of_them_knows_is_taken_until_it_is_deleted(
    left: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study("used")
    take, said = LEFT[left]
    take("used")
    with pytest.raises(InputError, match=said) as refused:
        run_study(plan("used"))
    assert refused.value.where == "--name"
    code, out, _ = run_mmatune(capsys, "study", "delete", "used", "--yes", "--json")
    assert code == 0
    assert len(json.loads(out)["deleted"]) == (2 if left == "not in MLflow" else 3)
    check_free("used")
    assert not identify("used")
    assert "used" not in optuna.get_all_study_names(optuna_storage_url())
    assert [one.name for one in (home / "studies" / "used").iterdir()] == ["driver.lock"]
    assert left == "not in MLflow" or not list((home / "artifacts" / "used").rglob("*.json"))


def test_what_is_left_in_optuna_alone_teaches_no_other_study(home: Path) -> None:
    optuna.create_study(study_name="old", storage=optuna_storage_url())
    with pytest.raises(InputError, match="Optuna's database has a study 'old'") as refused:
        run_study(plan("old"))
    assert "MLFLOW_TRACKING_URI" in refused.value.hint


@pytest.mark.heavy
def test_a_storage_that_holds_another_homes_study_is_taken(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "shared"
    study("used", storage)
    monkeypatch.setenv("MMATUNE_HOME", str(tmp_path / "other home"))
    with pytest.raises(InputError, match=f"the storage {storage}/used has a study"):
        check_free("used", str(storage))
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    remove_study(identify("used"))
    assert list(storage.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("study", "show", "thrown"),
        ("report", "thrown"),
        ("confirm", "thrown"),
        ("promote", "thrown"),
        ("train", "demo", "--from-run", "thrown/trial-001"),
        ("tune", "demo", "--name", "thrown", "--resume"),
        ("tune", "demo", "--start-from", "thrown"),
    ],
    ids=" ".join,
)
def test_every_command_says_that_a_study_is_in_the_trash(
    command: tuple[str, ...], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study("thrown")
    trash("thrown")
    code, _, stderr = run_mmatune(capsys, *command)
    assert code == 2
    (line,) = (line for line in stderr.splitlines() if line.startswith("error: "))
    assert "is in MLflow's trash" in line
    assert "mlflow experiments restore -x" in line
    assert "mmatune study delete thrown" in line


@pytest.mark.heavy
def test_the_way_to_restore_is_one_that_works(store: Path) -> None:
    study("thrown")
    trash("thrown")
    with pytest.raises(InputError) as refused:
        study_experiment(mlflow_client(), "thrown")
    command = refused.value.hint.split("`")[1]
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, shell=True, env=environment, check=True, capture_output=True)
    assert study_experiment(mlflow_client(), "thrown").name == "thrown"


def test_an_experiment_of_somebody_else_is_no_study_and_its_name_is_taken(home: Path) -> None:
    mlflow_client().create_experiment("theirs")
    with pytest.raises(InputError, match="there is no study 'theirs'"):
        study_experiment(mlflow_client(), "theirs")
    with pytest.raises(InputError, match="already"):
        check_free("theirs")


@pytest.mark.heavy
@pytest.mark.parametrize("dies", [False, True], ids=["it ends", "its driver dies"])
@pytest.mark.survives(
    "a study ends before its first trial",
    "nothing of it is left, and its name is free",
)
def test_a_study_that_never_began_keeps_no_name(
    dies: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies(BaseException):
        pass

    def end(*arguments: object, **named: object) -> None:
        raise Dies

    monkeypatch.setattr("tuning.study._search_and_register", end)
    if dies:  # without what a process does on its way out
        monkeypatch.setattr("tuning.record.driver_lock._close", end)
    with pytest.raises(Dies):
        run_study(plan("brief"))
    assert bool(mlflow_client().get_experiment_by_name("brief")) == dies
    if dies:
        monkeypatch.undo()
        monkeypatch.setenv("MMATUNE_HOME", str(home))
        close_dead_studies()
    assert not identify("brief")


def test_a_study_that_is_driven_is_not_deleted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study("busy")
    with driving("busy"):
        code, _, stderr = run_mmatune(capsys, "study", "delete", "busy", "--yes")
    assert code == 2
    assert "another process runs it" in stderr
    assert identify("busy").in_optuna


def test_nothing_is_deleted_unasked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = study("kept")
    code, out, _ = run_mmatune(capsys, "study", "delete", "kept", "--json")
    assert code == 2
    assert "--yes" in json.loads(out)["error"]["hint"]
    assert len(runs_of(record.client, record.experiment_id)) == 2
    code, _, stderr = run_mmatune(capsys, "study", "delete", "another", "--yes")
    assert code == 2
    assert "studies are: kept" in stderr


@pytest.mark.parametrize("name", ["/dev/null", "../other", "a" * 300, "", "a\nb", ".."])
@pytest.mark.parametrize("command", ["watch", "stop", "show", "delete"])
def test_what_is_no_name_is_refused_everywhere_and_leaves_nothing(
    name: str, command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mlflow_client()
    before = sorted(home.rglob("*"))
    code, _, stderr = run_mmatune(capsys, "study", command, name)
    assert code == 2
    assert stderr.startswith("error: ")
    assert "Traceback" not in stderr
    assert sorted(home.rglob("*")) == before


def test_two_default_names_of_one_second_differ(home: Path) -> None:
    claimed: list[str] = []
    threads = [
        threading.Thread(target=lambda: claimed.append(claim_name("demo-20260101-120000")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [
        "demo-20260101-120000",
        *(f"demo-20260101-120000-{number}" for number in range(2, 9)),
    ]


@pytest.mark.heavy
def test_a_removal_that_is_cut_off_can_be_finished(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "shared"
    study("cut", storage)
    (study_folder("cut") / "record").mkdir()
    for number in range(1, 4):
        found = identify("cut")
        with monkeypatch.context() as patch:
            _interrupt_at(number, patch)
            with pytest.raises(KeyboardInterrupt):
                remove_study(found)
        assert identify("cut")
    remove_study(identify("cut"))
    assert not identify("cut")
    assert list(storage.iterdir()) == []


def test_a_removal_that_is_cut_off_by_mlflow_leaves_no_study(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study("cut")
    client = mlflow_client()
    assert [one.name for one in study_experiments(client)] == ["cut"]
    with monkeypatch.context() as patch:
        patch.setattr(type(client), "delete_experiment", _break)
        with pytest.raises(ConnectionError):
            remove_study(identify("cut"))
    assert study_experiments(client) == []
    remove_study(identify("cut"))
    study("cut")
    assert [one.name for one in study_experiments(client)] == ["cut"]


def _break(*arguments: object) -> None:
    raise ConnectionError


def _interrupt_at(number: int, patch: pytest.MonkeyPatch) -> None:
    places = ["optuna.delete_study", "tuning.record.identity._remove_experiment", "shutil.rmtree"]

    def interrupt(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    patch.setattr(places[number - 1], interrupt)
