"""Where the project keeps things on this machine, and where studies are tracked.

Everything lives under one folder, the home: the MLflow and Optuna databases, artifacts, the
checkpoints of studies, downloaded data. It is `MMATUNE_HOME`, or `.mmatune` in the current folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from model.errors import InputError


def home() -> Path:
    """The home folder, absolute; made on first use.

    Raises:
        InputError: the folder cannot be made or is a file.
    """
    folder = Path(os.environ.get("MMATUNE_HOME") or ".mmatune").expanduser().absolute()
    return _made(folder)


def tracking_uri() -> str:
    """Address of the MLflow store: `MLFLOW_TRACKING_URI` where set, else SQLite under the home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"


def is_embedded() -> bool:
    """Whether studies are tracked in the home folder rather than on a server of the user's."""
    return not os.environ.get("MLFLOW_TRACKING_URI")


def optuna_storage_url() -> str:
    """Address of Optuna's database under the home.

    Never MLflow's: both own a table `alembic_version`, and the second to come would not start.
    """
    return f"sqlite:///{home() / 'optuna.db'}"


def artifact_root() -> Path:
    """Folder of the files that runs and models leave behind in the embedded store."""
    return _made(home() / "artifacts")


def study_folder(study: str) -> Path:
    """Folder of what one study keeps between sessions (checkpoints, Ray Tune's state).

    Raises:
        InputError: the name is not usable as the name of a folder.
    """
    if study in {"", ".", ".."} or "/" in study or "\\" in study or "\0" in study:
        raise InputError(
            f"{study!r} cannot be the name of a study",
            hint="use letters, digits, '-', '_' and '.'",
        )
    return _made(home() / "studies" / study)


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
