"""Who drives a study: two processes around a dead one, in all orders, lose nothing."""

import json
import os
import socket
import threading
from pathlib import Path

import optuna
import pytest

from model.errors import InputError
from tuning.home import optuna_storage_url
from tuning.record import driver_lock
from tuning.record.client import mlflow_client
from tuning.record.driver import is_driven, stop_driver
from tuning.record.driver_lock import close_dead_studies, driving
from tuning.record.study_record import StudyRecord


class Study:
    """A study with an open trial in MLflow and Optuna."""

    def __init__(self, name: str, home: Path) -> None:
        self.folder = home / "studies" / name
        self.folder.mkdir(parents=True)
        self.name, self.client = name, mlflow_client()
        record = StudyRecord.create(
            self.client, name, tags={"study": name}, params={}, artifact_location=home / "a"
        )
        self.runs = [record.run_id, record.open_child("trial", "trial-001", {})]
        optuna.create_study(study_name=name, storage=optuna_storage_url()).ask()

    def statuses(self) -> list[str]:
        trials = optuna.load_study(study_name=self.name, storage=optuna_storage_url()).trials
        of_runs = [self.client.get_run(run).info.status for run in self.runs]
        return of_runs + [trial.state.name for trial in trials]

    def die(self, process: int = 2**22 + 1) -> None:
        """Leave behind what a driver does whose process is gone, or has another's number now."""
        driver = {"host": socket.gethostname(), "process": process, "started": 1.0}
        (self.folder / "driver.json").write_text(json.dumps(driver))
        (self.folder / "driver.lock").touch()


OPEN, CLOSED = ["RUNNING", "RUNNING", "RUNNING"], ["KILLED", "KILLED", "FAIL"]


@pytest.mark.parametrize("number", [2**22 + 1, os.getpid()], ids=["gone", "used again"])
def test_a_dead_driver_is_told_from_a_later_process_of_its_number(number: int, home: Path) -> None:
    study = Study("dead", home)
    study.die(number)
    assert not is_driven("dead")
    with pytest.raises(InputError, match="no process on this machine"):
        stop_driver("dead")  # and so interrupts nobody else
    assert close_dead_studies() == 2
    assert study.statuses() == CLOSED


def test_what_version_0_1_0_left_is_closed(home: Path) -> None:
    study = Study("old", home)
    (study.folder / "driver.lock").write_text(str(2**22 + 1))
    assert close_dead_studies() == 2
    assert study.statuses() == CLOSED
    assert close_dead_studies() == 0


def test_the_lock_stays_and_the_driver_is_forgotten(home: Path) -> None:
    study = Study("whole", home)
    with driving("whole"):
        assert is_driven("whole")
        before = (study.folder / "driver.lock").stat().st_ino
        with pytest.raises(InputError, match=f"process {os.getpid()} on"), driving("whole"):
            pass
    assert not is_driven("whole")
    assert (study.folder / "driver.lock").stat().st_ino == before
    assert not (study.folder / "driver.json").exists()


def test_a_look_locks_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study("seen", home)
    study.die()
    monkeypatch.setattr("tuning.record.driver.locked", None)  # would raise if it were called
    assert not is_driven("seen")


def test_of_another_host_the_lock_decides_and_nothing_is_signalled(home: Path) -> None:
    study = Study("shared", home)
    with driving("shared"):
        driver = json.loads((study.folder / "driver.json").read_text())
        (study.folder / "driver.json").write_text(json.dumps({**driver, "host": "elsewhere"}))
        assert is_driven("shared")
        with pytest.raises(InputError, match=f"run by process {os.getpid()} on elsewhere"):
            stop_driver("shared")
    study.die()
    driver = json.loads((study.folder / "driver.json").read_text())
    (study.folder / "driver.json").write_text(json.dumps({**driver, "host": "elsewhere"}))
    assert not is_driven("shared")


@pytest.mark.survives(
    "two processes find a dead study at once: one goes on with it while the other closes it",
    "the first waits until it is closed; what it then runs is left alone",
)
def test_a_driver_waits_for_a_process_that_closes_and_is_not_closed_itself(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The closing process is held between its look and its end; the other starts meanwhile."""
    study = Study("dead", home)
    study.die()
    closing, go_on = threading.Event(), threading.Event()
    close = driver_lock._close

    def held(name: str, reason: str) -> int:
        if reason.endswith("died"):
            closing.set()
            assert go_on.wait(60)
        return close(name, reason)

    monkeypatch.setattr(driver_lock, "_close", held)
    closer = threading.Thread(target=close_dead_studies)
    closer.start()
    assert closing.wait(60)
    drives = threading.Event()
    seen: dict[str, list[str]] = {}

    def resume() -> None:
        with driving("dead"):
            seen["at its start"] = study.statuses()
            for run in study.runs:
                study.client.update_run(run, "RUNNING")
            drives.set()
            closer.join()
            assert close_dead_studies() == 0  # a third process, while it is driven again
            seen["driven"] = study.statuses()

    driver = threading.Thread(target=resume)
    driver.start()
    assert not drives.wait(1)  # it waits for the lock
    go_on.set()
    driver.join()
    assert seen["at its start"] == CLOSED
    assert seen["driven"] == ["RUNNING", "RUNNING", "FAIL"]
    assert study.statuses() == CLOSED


def test_a_study_that_is_driven_between_the_look_and_the_lock_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other order: found dead, then driven by another process, only then locked."""
    study = Study("dead", home)
    study.die()
    looked = driver_lock.driver_died

    def look_and_pause(name: str) -> bool:
        found = looked(name)
        monkeypatch.setattr(driver_lock, "driver_died", looked)
        pause.__enter__()
        return found

    pause = driving("dead")
    monkeypatch.setattr(driver_lock, "driver_died", look_and_pause)
    assert close_dead_studies() == 0
    assert study.statuses() == OPEN
    pause.__exit__(None, None, None)
    assert study.statuses() == CLOSED


def test_a_study_that_could_not_be_closed_is_closed_by_the_next_command(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study("away", home)
    close = driver_lock._close

    def fail(name: str, reason: str) -> int:
        monkeypatch.setattr(driver_lock, "_close", close)
        raise InputError("no MLflow server answers")

    monkeypatch.setattr(driver_lock, "_close", fail)
    with pytest.raises(InputError, match="no MLflow server"), driving("away"):
        pass
    assert study.statuses() == OPEN
    assert close_dead_studies() == 2  # though the process lives on
    assert study.statuses() == CLOSED
