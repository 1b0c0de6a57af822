"""Who drives a study: host, process and start time, in a file beside the study's lock."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import Timeout

from model.errors import InputError
from tuning.home import study_path
from tuning.locks import locked

LOCK = "driver.lock"  # in the study's folder; it stays when all else goes
DRIVER = "driver.json"  # beside it
DRAFT = f"{DRIVER}.draft"
_SAME_TIME_S = 1.0  # by which two readings of one process's start may differ


def driver_died(study: str) -> bool:
    """Whether it was driven from this home by a process that is no more, and is not closed yet."""
    if driver := _driver(study):
        return not _is_alive(driver, study)
    # Version 0.1.0 wrote the process into the lock file, and removed it at the end.
    lock = lock_file(study)
    return _file(study).exists() or (lock.is_file() and lock.stat().st_size > 0)


def is_driver_known(study: str) -> bool:
    """Whether the file is there; while the study is driven only its user can have removed it."""
    return _file(study).exists()


def is_driven(study: str) -> bool:
    """Whether a process drives it. Nothing is locked for that, so a look disturbs nobody."""
    return bool(_living_driver(study))


def stop_driver(study: str) -> None:
    """Interrupt the process that drives a study, as Ctrl-C does, and wait until it has ended.

    Raises:
        InputError: no process on this machine drives it.
    """
    driver = _living_driver(study)
    if not driver:
        raise InputError(
            f"no process on this machine runs the study {study!r}",
            where="study",
            hint="`mmatune study list` shows what there is; a study is stopped where it was begun",
        )
    if driver["host"] != socket.gethostname():
        raise InputError(
            f"the study {study!r} is run by {driver_named(study)}",
            where="study",
            hint="stop it there",
        )
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(driver["process"], signal.SIGINT)
    while _living_driver(study) == driver:
        time.sleep(0.1)


def driver_named(study: str) -> str:
    """Who drives it, for a message: process and host."""
    driver = _driver(study)
    return f"process {driver['process']} on {driver['host']}" if driver else "it just began"


def write_driver(study: str, *, is_alive: bool = True) -> None:
    """Write down that this process drives it, or drove it until now."""
    own = psutil.Process()
    # The time tells the process from a later one of the same number.
    started = own.create_time() if is_alive else 0.0
    driver = {"host": socket.gethostname(), "process": own.pid, "started": started}
    draft = _file(study).with_name(DRAFT)
    draft.write_text(json.dumps(driver), encoding="utf-8")
    draft.replace(_file(study))


def _driver(study: str) -> dict[str, Any]:
    """Who drives a study, or did until it died; empty where nobody does."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(_file(study).read_text(encoding="utf-8"))
        return {
            "host": str(found["host"]),
            "process": int(found["process"]),
            "started": float(found["started"]),
        }
    return {}


def _living_driver(study: str) -> dict[str, Any]:
    """Who drives a study now; empty where nobody does."""
    driver = _driver(study)
    return driver if driver and _is_alive(driver, study) else {}


def _is_alive(driver: dict[str, Any], study: str) -> bool:
    if driver["host"] != socket.gethostname():
        # A home on a shared disk: only the lock can say.
        try:
            with locked(lock_file(study), seconds=0):
                return False
        except Timeout:
            return True
    with suppress(psutil.Error, ValueError, OverflowError):  # none, or no number of a process
        process = psutil.Process(driver["process"])
        is_same = abs(process.create_time() - driver["started"]) < _SAME_TIME_S
        return is_same and lives(process)
    return False


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that died and that nobody has waited for yet does not."""
    with suppress(psutil.Error):
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def forget_driver(study: str) -> None:
    """Everything of it is closed: nobody drives it, and nobody died."""
    lock_file(study).write_text("", encoding="utf-8")
    _file(study).unlink(missing_ok=True)


def lock_file(study: str) -> Path:
    """Whoever drives or closes the study holds it; it is never removed."""
    return study_path(study) / LOCK


def _file(study: str) -> Path:
    return study_path(study) / DRIVER
