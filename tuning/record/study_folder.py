"""A study's folder under the home: who drives it, and closing what was left open."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
from optuna.trial import TrialState

from model.errors import InputError
from tuning.home import home, optuna_storage_url, study_folder
from tuning.record.client import mlflow_client
from tuning.record.recorder import StudyRecord
from tuning.record.spool import tell

_GRACE = 15.0  # seconds that an interrupted study waits for the tracking server


@contextmanager
def driving(study: str, *, resumed: bool = False) -> Iterator[None]:
    """Drive a study: hold its lock, and leave no run and no trial of it open, whatever happens.

    However this process ends, the kernel gives the lock back. The lock file goes only once
    everything is closed, so one that nobody holds marks a study whose driver died.

    Args:
        resumed: the study has begun before: MLflow is told what it was not told of it.

    Raises:
        InputError: another process drives the study.
    """
    path = _lock_file(study_folder(study))
    with open(path, "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it, or choose another name"
            raise InputError("another process runs it", where=f"study {study}", hint=hint) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            if resumed:
                _tell_the_rest(study)
            yield
        finally:
            _close(study, "the study ended early")
            path.unlink()


def spool_folder(study: str) -> Path:
    """Where a study's record waits to be told to MLflow."""
    return study_folder(study) / "record"


@contextmanager
def told_in_the_end(record: StudyRecord) -> Iterator[None]:
    """However the study ends, MLflow is told what it did, unless it does not answer for a while."""
    assert record.spool is not None
    try:
        yield
        record.wait(_GRACE)
    finally:
        record.spool.drain(_GRACE)
        record.spool.stop()


def close_dead_studies(*, but: str | None = None) -> int:
    """Close the runs and trials of studies whose driver died; how many runs that were.

    First MLflow is told what it was not told of them.

    Only studies driven from this home are looked at: whether one is alive elsewhere cannot be told
    from here.

    Args:
        but: a study to leave as it is.
    """
    closed = 0
    for folder in sorted((home() / "studies").glob("*")):
        path = _lock_file(folder)
        if folder.name != but and path.is_file() and not is_driven(folder.name):
            closed += _close(folder.name, "the process that ran the study died")
            path.unlink()
    return closed


def is_driven(study: str) -> bool:
    """Whether a process on this machine drives it."""
    path = _lock_file(home() / "studies" / study)
    # Not made here: it may go between any two questions.
    with suppress(FileNotFoundError), path.open("r+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stop_driver(study: str) -> None:
    """Ask the process that drives a study to stop in order, as Ctrl-C does, and wait until it has.

    Raises:
        InputError: no process on this machine drives it.
    """
    path = _lock_file(home() / "studies" / study)
    if not is_driven(study):
        raise InputError(
            f"no process on this machine runs the study {study!r}",
            where="study",
            hint="`mmatune study list` shows what there is; a study is stopped where it was begun",
        )
    os.kill(int(path.read_text(encoding="utf-8")), signal.SIGINT)
    while is_driven(study):
        time.sleep(0.1)


def _close(study: str, reason: str) -> int:
    """Mark what is still open in MLflow as killed and in Optuna as failed."""
    storage = optuna.storages.RDBStorage(optuna_storage_url())
    if study in optuna.get_all_study_names(storage):
        loaded = optuna.load_study(study_name=study, storage=storage)
        for trial in loaded.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            loaded.tell(trial.number, state=TrialState.FAIL)
    record = _tell_the_rest(study)
    return record.close_leftovers(reason) if record else 0


def _tell_the_rest(study: str) -> StudyRecord | None:
    """Tell MLflow what it was not told; None for a study that it does not know."""
    client = mlflow_client()
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        return None  # it died before it had one, or tracks to another server
    tell(spool_folder(study), client, experiment.experiment_id)
    return StudyRecord(client, experiment.experiment_id, "", {})


def _lock_file(folder: Path) -> Path:
    return folder / "driver.lock"
