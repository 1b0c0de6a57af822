"""What a submitted study takes along: the code, its files, and an environment without secrets.

Ray's job API shows everybody who may ask it a job's command and environment in clear. So no
credential leaves this machine; those that the study needs are in the head's own environment.
"""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import model
import search_spaces
import tuning
from model.data.catalogue import NAMES
from model.errors import InputError
from tuning.record.job_log import SUBMITTED_BY

LIMIT = 500 * 2**20  # bytes; Ray keeps packages of up to 512 MiB in the head's memory
# Seconds that Ray gives the driver to end in order, before it kills it: as long as a study waits
# for its tracking server, and the same again.
STOP_SECONDS = 600


def pack_data(dataset: str, folder: Path) -> str:
    """What the data set is called on the head.

    A name of the catalogue stays one: the head downloads what it does not have. The files of a
    folder of this machine are linked into ``folder``. An absolute path that this machine does not
    have is taken for one of the head's.

    Raises:
        InputError: there is no such data set, or it is too large to be sent.
    """
    if dataset in NAMES:
        return dataset
    source = Path(dataset).expanduser()
    if not source.is_dir():
        if source.is_absolute():
            return dataset
        raise InputError(
            f"there is no data set or folder {dataset!r}",
            hint=f"give one of {', '.join(NAMES)}, or the path of a folder, here or on the head",
        )
    files = [path for path in sorted(source.iterdir()) if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if size > LIMIT:
        raise InputError(
            f"{size / 2**20:.0f} MiB are too much to be sent with the study, which takes up to"
            f" {LIMIT / 2**20:.0f}",
            where=dataset,
            hint="copy the folder to the cluster's shared storage and give its path there",
        )
    name = f"data/{source.resolve().name}"
    for path in files:
        _link(path, folder / name)
    return name


def pack_file(path: Path, folder: Path) -> str:
    """Link a space or groups file into ``folder``; what it is called on the head."""
    _link(path, folder)
    return path.name


def runtime_environment(folder: Path) -> dict[str, Any]:
    """Ray's description of what every process of the study needs.

    Args:
        folder: with the study's own files; it becomes the working directory of the job.

    Raises:
        InputError: the address of the tracking server holds a password.
    """
    environment: dict[str, Any] = {
        "py_modules": [str(Path(module.__path__[0])) for module in (model, search_spaces, tuning)],
        "excludes": ["__pycache__"],
        "env_vars": {
            SUBMITTED_BY: importlib.metadata.version("mmatune"),
            "RAY_JOB_STOP_SIGNAL": "SIGINT",  # as Ctrl-C does
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS),
            **_tracking(),
        },
    }
    if any(folder.iterdir()):
        environment["working_dir"] = str(folder)
    return environment


def _tracking() -> dict[str, str]:
    """The address of a tracking server that the head can reach too; never a password."""
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    parts = urlsplit(address)
    # A loopback address is that of a tunnel, behind which is the head's own server.
    if parts.scheme not in ("http", "https") or parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return {}
    if "@" in parts.netloc:
        raise InputError(
            "the address holds a password, which Ray's job API would show",
            where="MLFLOW_TRACKING_URI",
            hint="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD on the head instead",
        )
    return {"MLFLOW_TRACKING_URI": address}


def _link(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Ray packs what a link points to.
    (folder / path.name).symlink_to(path.resolve())
