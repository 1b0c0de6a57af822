"""Where the project keeps things on this machine, and where studies are tracked.

Everything lives under one folder, the home: the MLflow and Optuna databases, artifacts, the
checkpoints of studies, downloaded data. It is `MMATUNE_HOME`, or `.mmatune` in the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from model.errors import InputError

_IN_NAMES = set("/\\\0\n\r")  # what no name of a study has
_LONGEST_NAME = 200  # bytes; file systems take 255, and other names are made of it


def home() -> Path:
    """The home folder, absolute; made on first use.

    Raises:
        InputError: the folder cannot be made or is a file.
    """
    folder = Path(os.environ.get("MMATUNE_HOME") or ".mmatune").expanduser().absolute()
    return _made(folder)


def tracking_uri() -> str:
    """Address of the MLflow store: `MLFLOW_TRACKING_URI` where set, else SQLite under the home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_address(home() / "mlflow.db")


def is_embedded() -> bool:
    """Whether studies are tracked in the home folder rather than on a server of the user's."""
    return not os.environ.get("MLFLOW_TRACKING_URI")


def optuna_storage_url() -> str:
    """Address of Optuna's database under the home.

    Never MLflow's: both own a table `alembic_version`, and the second to come would not start.
    """
    # Optuna formats the address with its own version, which a "{" in a folder's name would spoil.
    return sqlite_address(optuna_file()).replace("{", "{{").replace("}", "}}")


def optuna_file() -> Path:
    """Optuna's database."""
    return home() / "optuna.db"


def sqlite_address(database: Path) -> str:
    """SQLAlchemy's address of a file: it takes a ``?`` for a query and decodes a ``%``.

    An address with the name of the driver is the same to SQLAlchemy; of one without MLflow makes
    the folder, as it is spelt there, and so beside the one that is meant.
    """
    path = str(database)
    if not {"%", "?"} & set(path):
        return f"sqlite:///{path}"
    return f"sqlite+pysqlite:///{path.replace('%', '%25').replace('?', '%3F')}"


def database_files() -> list[Path]:
    """The databases under the home, whether they are there or not."""
    return [optuna_file(), *([home() / "mlflow.db"] if is_embedded() else [])]


def artifact_root() -> Path:
    """Folder of the files that runs and models leave behind in the embedded store."""
    return _made(home() / "artifacts")


def study_folder(study: str) -> Path:
    """Folder of what one study keeps between sessions (checkpoints, Ray Tune's state); made.

    Raises:
        InputError: the name is not usable as the name of a folder.
    """
    return _made(study_path(study))


def study_path(study: str) -> Path:
    """The same folder, whether it is there or not.

    Raises:
        InputError: the name is not usable as the name of a folder.
    """
    if study in {"", ".", ".."} or not _IN_NAMES.isdisjoint(study):
        raise InputError(
            f"{study!r} cannot be the name of a study",
            hint="use letters, digits, '-', '_' and '.'",
        )
    if len(os.fsencode(study)) > _LONGEST_NAME:
        raise InputError(
            f"a name of {len(study)} characters is too long for a study: {study[:20]}...",
            hint=f"at most {_LONGEST_NAME} bytes",
        )
    return home() / "studies" / study


def data_folder() -> Path:
    """Folder of downloaded data sets; made by the first download."""
    return home() / "data"


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made: {error.strerror}",
            where="MMATUNE_HOME",
            hint="set MMATUNE_HOME to a folder you can write to",
        ) from error
    return folder
