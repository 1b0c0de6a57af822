"""A home can be moved, copied, renamed, linked: everything in it works, the old place is left."""

import hashlib
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from model.errors import InputError
from tests.tuning.commands_run import run_mmatune
from tests.tuning.survival import begin, finish, nothing_is_lost, resume, workers
from tuning.ending import Ending
from tuning.home import artifact_root, optuna_file, optuna_storage_url
from tuning.record.client import mlflow_client
from tuning.record.driver_lock import driving
from tuning.record.readdressing import readdress
from tuning.record.study_record import StudyRecord

ODD = ["plain", "a b", "ü", "%41", "a?b", "{x}", "a#b", "a&b=c", "a;b", "'", '"', "$b", "@b:c", "%"]


def contents(folder: Path) -> dict[str, str]:
    """What is in every file of a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def record() -> StudyRecord:
    made = StudyRecord.create(
        mlflow_client(),
        "s",
        tags={"study": "s"},
        params={},
        artifact_location=artifact_root() / "s",
    )
    made.log_json(made.run_id, {"kept": 1}, "kept.json")
    made.close(made.run_id, Ending.FINISHED)
    return made


@pytest.mark.parametrize("name", ODD)
def test_a_home_of_any_name_works_and_nothing_is_written_outside(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMATUNE_HOME", str(tmp_path / name / "home"))
    monkeypatch.chdir(tmp_path)
    made = record()
    path = made.client.download_artifacts(made.run_id, "kept.json", str(tmp_path / name))
    assert "kept" in Path(path).read_text()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(study_name="s", storage=optuna_storage_url())
    assert optuna.get_all_study_names(optuna_storage_url()) == ["s"]
    assert optuna_file().is_file()
    assert list((tmp_path / name / "home" / "artifacts").rglob("kept.json"))
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ODD)
def test_what_was_recorded_is_found_where_the_home_is_now(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a plain name to an odd one, and back."""
    made = record()
    (tmp_path / name).mkdir()
    for place in (tmp_path / name / "home", tmp_path / "back"):
        shutil.move(home, place)
        monkeypatch.setenv("MMATUNE_HOME", str(place))
        home = place
        client = mlflow_client()
        found = client.download_artifacts(made.run_id, "kept.json", str(tmp_path / name))
        assert "kept" in Path(found).read_text()
        location = client.get_experiment(made.experiment_id).artifact_location
        assert location == (artifact_root() / "s").as_uri()
        assert (place / "mlflow.db.before-move").is_file()


def test_a_home_that_is_reached_by_a_link_is_left_as_it_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    (tmp_path / "link").symlink_to(home)
    before = contents(home)
    monkeypatch.setenv("MMATUNE_HOME", str(tmp_path / "link"))
    mlflow_client()
    assert {name: one for name, one in contents(home).items() if name in before} == before
    assert not (home / "mlflow.db.before-move").exists()


def test_a_neighbour_whose_name_begins_alike_is_no_part_of_the_home(home: Path) -> None:
    made = record()
    other = f"{artifact_root()}-other/9"
    with closing(sqlite3.connect(home / "mlflow.db")) as opened, opened:
        opened.execute("UPDATE runs SET artifact_uri = ?", [other])
        opened.execute(
            "UPDATE experiments SET artifact_location = '/before/artifacts/0'"
            " WHERE experiment_id = 0"
        )
    readdress(home / "mlflow.db")
    assert made.client.get_run(made.run_id).info.artifact_uri == other


def test_a_moved_home_that_may_only_be_read_says_what_to_do(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record()
    with closing(sqlite3.connect(home / "mlflow.db")) as opened, opened:
        opened.execute(
            "UPDATE experiments SET artifact_location = '/before/artifacts/0'"
            " WHERE experiment_id = 0"
        )
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    with pytest.raises(InputError, match="was at /before when") as refused:
        readdress(home / "mlflow.db")
    assert "MMATUNE_HOME" in refused.value.hint


def test_while_a_study_is_driven_the_addresses_stay(home: Path) -> None:
    """A container may see the home under another path than its host, which drives a study there."""
    made = record()
    with closing(sqlite3.connect(home / "mlflow.db")) as opened, opened:
        opened.execute(
            "UPDATE experiments SET artifact_location = '/elsewhere/artifacts/0'"
            " WHERE experiment_id = 0"
        )
    with driving("s"):
        readdress(home / "mlflow.db")
        found = made.client.get_experiment("0").artifact_location
        assert found == "/elsewhere/artifacts/0"
        (home / "mlflow.db.before-move").touch(0o444)
    readdress(home / "mlflow.db")
    assert made.client.get_experiment("0").artifact_location == str(artifact_root() / "0")


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "the home is copied or moved while a study is cut off",
    "`tune --resume` goes on in the new place, and writes nothing to the old one",
)
@pytest.mark.parametrize("copied", [True, False], ids=["copied", "moved"])
def test_a_study_goes_on_in_another_place(
    copied: bool, measured_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin(measured_home, tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        finish(process, measured_home)
    while workers(process.pid):  # they outlive the driver by some seconds, and write
        time.sleep(0.1)
    there = tmp_path / "another place, %41"
    (shutil.copytree if copied else shutil.move)(measured_home, there)
    before = contents(measured_home) if copied else {}
    monkeypatch.setenv("MMATUNE_HOME", str(there))
    nothing_is_lost(resume())
    assert copied == measured_home.exists()
    assert contents(measured_home) == before


@pytest.mark.ray
@pytest.mark.survives(
    "the home is moved or renamed after a study",
    "`predict`, `model pull`, `report` and `study show` work in the new place",
)
def test_models_and_studies_are_found_in_a_moved_home(
    brief: tuple[str, ...],
    measured_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, stderr = run_mmatune(capsys, "tune", "demo", *brief, "--name", "brief")
    assert code == 0, stderr
    there = tmp_path / "renamed"
    shutil.move(measured_home, there)
    monkeypatch.setenv("MMATUNE_HOME", str(there))
    for command in (
        ("predict", "demo", "--small-molecule", "demo-sm-01"),
        ("pull", "demo", "--to", tmp_path / "pulled"),
        ("report", "brief", "--out", tmp_path / "report.html"),
        ("study", "show", "brief"),
    ):
        code, _, stderr = run_mmatune(capsys, *command)
        assert code == 0, stderr
    assert not measured_home.exists()
