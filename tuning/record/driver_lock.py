"""Driving a study under its lock, and closing what a driver left open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from model.errors import InputError
from tuning.home import home, optuna_storage_url, study_folder, study_path
from tuning.locks import locked
from tuning.record.client import mlflow_client
from tuning.record.delivery import deliver
from tuning.record.driver import (
    driver_died,
    driver_named,
    forget_driver,
    is_driven,
    lock_file,
    write_driver,
)
from tuning.record.identity import identify, never_began, remove_study
from tuning.record.study_record import StudyRecord

FLUSH_TIMEOUT_S = 15.0  # an interrupted study waits so long for a tracking server that is away
# A study that is being closed by another process can be driven once that is done.
CLOSING_TIMEOUT_S = 300.0


@contextmanager
def driving(study: str, *, resumed: bool = False) -> Iterator[None]:
    """Drive a study: hold its lock, and at the end close every run and trial that is still open.

    The kernel releases the lock however this process ends. Who drives the study stands in a file
    beside the lock, which is removed once everything is closed: where that file is left and nobody
    holds the lock, the driver died.

    Args:
        resumed: the study has begun before, so deliver first what MLflow was not told of it.

    Raises:
        InputError: another process drives the study.
    """
    study_folder(study)  # makes it
    with _locked_to_drive(study):
        write_driver(study)
        try:
            if resumed:
                _deliver_rest(study)
            yield
        finally:
            # Should closing fail, the next command on this home closes: the process may live on.
            write_driver(study, is_alive=False)
            _close(study, "the study ended early")
            forget_driver(study)


@contextmanager
def _locked_to_drive(study: str) -> Iterator[None]:
    """The study's lock; waits for a process that only closes what a dead driver left."""
    deadline = time.monotonic() + CLOSING_TIMEOUT_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(locked(lock_file(study), seconds=0.2))
                break
            except Timeout:
                if is_driven(study) or time.monotonic() > deadline:
                    raise InputError(
                        f"another process runs it: {driver_named(study)}",
                        where=f"study {study}",
                        hint="wait for it, or choose another name",
                    ) from None
        yield


def spool_folder(study: str) -> Path:
    """Folder of the events of a study's record."""
    return study_path(study) / "record"


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
        # Asked again once the lock is held: in between another process may have closed it.
        study = folder.name
        if study == but or not driver_died(study):
            continue
        with suppress(Timeout), locked(lock_file(study), seconds=0):
            if driver_died(study):
                closed += _close(study, "the process that ran the study died")
                forget_driver(study)
    return closed


def _close(study: str, reason: str) -> int:
    """Mark what is still open in MLflow as killed and in Optuna as failed.

    A study whose search never began keeps no name: it is removed.
    """
    if never_began(study):
        remove_study(identify(study))
        return 0
    import optuna
    from optuna.trial import TrialState

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
