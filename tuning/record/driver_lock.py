"""A study's folder under the home: who drives it, and closing what was left open."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.trial import TrialState

from model.errors import InputError
from tuning.home import home, optuna_storage_url, study_folder
from tuning.record.client import mlflow_client
from tuning.record.delivery import deliver
from tuning.record.study_record import StudyRecord

FLUSH_TIMEOUT_S = 15.0  # an interrupted study waits so long for a tracking server that is away
_LOCK_TIMEOUT_S = 1.0  # `is_driven` of another process holds the lock for an instant


@contextmanager
def driving(study: str, *, resumed: bool = False) -> Iterator[None]:
    """Drive a study: hold its lock, and at the end close every run and trial that is still open.

    The kernel releases the lock however this process ends. The lock file is removed only once
    everything is closed, so a lock file that nobody holds marks a study whose driver died.

    Args:
        resumed: the study has begun before, so deliver first what MLflow was not told of it.

    Raises:
        InputError: another process drives the study.
    """
    path = _lock_file(study_folder(study))
    try:
        lock = FileLock(path).acquire(timeout=_LOCK_TIMEOUT_S)
    except Timeout:
        hint = "wait for it, or choose another name"
        raise InputError("another process runs it", where=f"study {study}", hint=hint) from None
    with lock:
        path.write_text(str(os.getpid()), encoding="utf-8")  # for `stop_driver`
        try:
            if resumed:
                _deliver_rest(study)
            yield
        finally:
            _close(study, "the study ended early")
            path.unlink()


def spool_folder(study: str) -> Path:
    """Folder of the events of a study's record."""
    return study_folder(study) / "record"


@contextmanager
def flush_on_exit(record: StudyRecord) -> Iterator[None]:
    """Deliver the record when the study ends, however it ends; give up where MLflow is away."""
    assert record.spool is not None
    try:
        yield
        record.wait(FLUSH_TIMEOUT_S)
    finally:
        record.spool.drain(FLUSH_TIMEOUT_S)
        record.spool.stop()


def close_dead_studies(*, but: str | None = None) -> int:
    """Close the runs and trials of studies whose driver died; how many runs that were.

    What MLflow was not told of them is delivered first. Only studies that were driven from this
    home are seen: nothing here says whether a driver on another machine is alive.

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
    if not path.exists():
        return False  # and a lock would create the file
    try:
        with FileLock(path, blocking=False):
            return False
    except Timeout:
        return True


def stop_driver(study: str) -> None:
    """Interrupt the process that drives a study, as Ctrl-C does, and wait until it has ended.

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
    record = _deliver_rest(study)
    return record.close_leftovers(reason) if record else 0


def _deliver_rest(study: str) -> StudyRecord | None:
    """Deliver what MLflow was not told; None where MLflow does not know the study."""
    client = mlflow_client()
    experiment = client.get_experiment_by_name(study)
    if experiment is None:
        return None  # the driver died before it made one, or tracked to another server
    deliver(spool_folder(study), client, experiment.experiment_id)
    return StudyRecord(client, experiment.experiment_id, "", {})


def _lock_file(folder: Path) -> Path:
    return folder / "driver.lock"
