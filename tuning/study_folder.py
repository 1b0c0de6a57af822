"""A study's folder under the home: who drives it, and closing what a dead driver left open."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import InputError
from tuning.home import home, optuna_storage_url, study_folder
from tuning.mlflow_client import mlflow_client
from tuning.record import StudyRecord


@contextmanager
def driving(study: str) -> Iterator[None]:
    """Hold the study's lock: the kernel gives it back however this process ends.

    Raises:
        InputError: another process drives the study.
    """
    with open(study_folder(study) / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it, or choose another name"
            raise InputError("another process runs it", where=f"study {study}", hint=hint) from None
        yield


def close_dead_studies() -> int:
    """Close the runs and trials of studies whose driver died; how many runs that were.

    Only studies driven from this home are looked at: whether one is alive elsewhere cannot be told
    from here.
    """
    closed = 0
    for folder in sorted((home() / "studies").glob("*")):
        note = folder / "study.json"
        if note.is_file() and not _is_driven(folder):
            closed += _close(folder.name, json.loads(note.read_text()))
    return closed


def _close(study: str, ids: dict[str, str]) -> int:
    from mlflow.exceptions import MlflowException

    from tuning.searcher import close_optuna_study

    client = mlflow_client()
    try:
        run = client.get_run(ids["run_id"])
    except MlflowException:
        return 0  # tracked on another server, or deleted by the user
    if run.info.status != "RUNNING":
        return 0
    close_optuna_study(study, optuna_storage_url())
    record = StudyRecord(client, ids["experiment_id"], ids["run_id"], {})
    return record.close_leftovers("the process that ran the study died")


def _is_driven(folder: Path) -> bool:
    with open(folder / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
