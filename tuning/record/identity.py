"""A study by its name: MLflow, Optuna, its folder under the home and its storage each know it.

Every command asks here, so that one name has one answer: what any of the four knows is taken.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import InputError
from tuning.cluster.shared_storage import open_storage, study_storage
from tuning.home import is_embedded, optuna_file, optuna_storage_url, study_path, tracking_uri
from tuning.record.client import all_pages, hide_password, mlflow_client
from tuning.record.driver import DRAFT, DRIVER, LOCK

if TYPE_CHECKING:
    from mlflow import MlflowClient

PLAN = "plan.json"  # in the study's folder: what it is asked to do
RAY_FOLDER = "ray"  # Ray Tune's, in the study's storage
BEGUN = "begun"  # in Ray Tune's folder: the search has begun
# What stands in the folder also of a study that somebody only asks for.
_NO_SIGN = (LOCK, DRIVER, DRAFT)
_UNBEGUN = "unbegun"  # in the study's folder, from its making until its search begins
_MLFLOW_TRASH = "deleted"  # the life-cycle stage of an experiment


@dataclass(frozen=True)
class Identity:
    """What is known of a name.

    Args:
        experiment: MLflow's of that name, which may be one in its trash; None for none.
        in_optuna: whether Optuna's database of this home has it.
        folder: of this home, with something of a study in it; None for none.
        storage: folder or address outside the home that holds its checkpoints; None for none.
    """

    name: str
    experiment: Any | None
    in_optuna: bool
    folder: Path | None
    storage: str | None

    @property
    def is_in_trash(self) -> bool:
        return self.experiment is not None and self.experiment.lifecycle_stage == _MLFLOW_TRASH

    @property
    def is_study(self) -> bool:
        """Whether MLflow's experiment is a study, and not somebody's of the same name."""
        return self.experiment is not None and "study" in self.experiment.tags

    def told(self) -> list[str]:
        """Where it is, a line each."""
        stage = "in MLflow's trash" if self.is_in_trash else "in MLflow"
        lines = {
            f"{stage}: {hide_password(tracking_uri())}": self.experiment,
            f"in Optuna's database: {optuna_file()}": self.in_optuna,
            f"its folder: {self.folder}": self.folder,
            f"its checkpoints: {self.storage}": self.storage,
        }
        return [line for line, is_there in lines.items() if is_there]

    def __bool__(self) -> bool:
        return bool(self.experiment or self.in_optuna or self.folder or self.storage)


def identify(name: str, storage: str | None = None) -> Identity:
    """Ask all four.

    Args:
        storage: of a study that is to be, see `study_storage`; else its plan says where it is.

    Raises:
        InputError: the name is not one of a study, or MLflow or the storage does not answer.
    """
    import optuna

    folder = study_path(name)
    experiment = mlflow_client().get_experiment_by_name(name)
    names: list[str] = []
    if optuna_file().exists():
        names = optuna.get_all_study_names(optuna_storage_url())
    held = folder.is_dir() and any(one.name not in _NO_SIGN for one in folder.iterdir())
    elsewhere = storage if storage is not None else _planned_storage(folder)
    outside = study_storage(name, elsewhere) if elsewhere else None
    return Identity(
        name=name,
        experiment=experiment,
        in_optuna=name in names,
        folder=folder if held else None,
        storage=outside if outside and has_begun(outside) else None,
    )


def check_free(name: str, storage: str | None = None) -> None:
    """Raise where a study of that name, or what is left of one, is there.

    Raises:
        InputError: it is, with where and how to go on.
    """
    found = identify(name, storage)
    if not found:
        return
    another = "choose another name, or leave it out"
    remove = f"`mmatune study delete {shlex.quote(name)}` removes it for good"
    if found.is_in_trash:
        raise _in_trash(found, "--name", f"{remove}, or {another}")
    if found.experiment is not None:
        raise InputError(f"there is a study {name!r} already", where="--name", hint=another)
    left = [
        what
        for what, is_there in (
            ("Optuna's database", found.in_optuna),
            (f"the folder {found.folder}", found.folder),
            (f"the storage {found.storage}", found.storage),
        )
        if is_there
    ]
    raise InputError(
        f"{' and '.join(left)} {'has' if len(left) == 1 else 'have'} a study {name!r}, which MLflow"
        f" at {hide_password(tracking_uri())} does not know",
        where="--name",
        hint=f"set MLFLOW_TRACKING_URI to what it was then; {remove}; or {another}",
    )


def claim_name(name: str) -> str:
    """A name that no other process of this home claims: this one, or with the next free number.

    The folder of that name is made, which only one process can.
    """
    number = 1
    while True:
        claimed = name if number == 1 else f"{name}-{number}"
        path = study_path(claimed)
        path.parent.mkdir(exist_ok=True)
        try:
            path.mkdir()
            return claimed
        except FileExistsError:
            number += 1


def study_experiment(client: MlflowClient, name: str, where: str = "study") -> Any:
    """MLflow's experiment of a study.

    Args:
        where: the user gave the name, for the message.

    Raises:
        InputError: there is none, or it is in MLflow's trash.
    """
    found = Identity(name, client.get_experiment_by_name(name), False, None, None)
    if found.is_in_trash and found.is_study:
        remove = f"`mmatune study delete {shlex.quote(name)}` removes it for good"
        raise _in_trash(found, where, remove)
    if not found.is_study:
        names = ", ".join(one.name for one in study_experiments(client))
        shown = names if len(names) <= 80 else f"{names[:80].rpartition(', ')[0]}, ..."
        hint = f"studies are: {shown}" if names else "there is none yet: `mmatune tune demo`"
        raise InputError(f"there is no study {name!r}", where=where, hint=hint)
    return found.experiment


def study_experiments(client: MlflowClient) -> list[Any]:
    """Experiments that are studies, newest first; a shared server has others too.

    One whose removal was cut off after it had lost its name is no study any more.
    """
    found = all_pages(client.search_experiments)
    return [
        one
        for one in found
        if "study" in one.tags and one.name != _removed_name(one.tags["study"], one.experiment_id)
    ]


def mark_unbegun(name: str) -> None:
    """Note that the study is being made: until its search begins it keeps no name."""
    (study_path(name) / _UNBEGUN).touch()


def mark_begun(name: str, storage: str) -> None:
    """Note that the search has begun: from here on the study can be resumed.

    Args:
        storage: from `study_storage`; the note stands there too, for who shares it.
    """
    filesystem, root = open_storage(storage)
    filesystem.create_dir(f"{root}/{RAY_FOLDER}", recursive=True)
    with filesystem.open_output_stream(f"{root}/{RAY_FOLDER}/{BEGUN}"):
        pass
    (study_path(name) / _UNBEGUN).unlink(missing_ok=True)


def never_began(name: str) -> bool:
    """Whether the study was made and its search never begun."""
    return (study_path(name) / _UNBEGUN).exists()


def has_begun(storage: str) -> bool:
    """Whether a search has begun in a storage, from `study_storage`.

    Raises:
        InputError: it does not answer.
    """
    from pyarrow.fs import FileType

    try:
        filesystem, root = open_storage(storage)
        (found,) = filesystem.get_file_info([f"{root}/{RAY_FOLDER}/{BEGUN}"])
    except (OSError, ValueError) as error:
        raise InputError(f"{storage} does not answer: {error}", where="--storage") from error
    return bool(found.type == FileType.File)


def remove_study(found: Identity) -> None:
    """Remove all that the four hold of a study; what was registered of it can still be used.

    The folder goes last, for the plan in it says where the rest is: what a killed removal leaves,
    the next one finds.

    Raises:
        InputError: MLflow or the storage does not answer.
    """
    import optuna

    if found.storage:
        filesystem, root = open_storage(found.storage)
        filesystem.delete_dir(root)
    if found.in_optuna:
        with suppress(KeyError):  # another process was faster
            optuna.delete_study(study_name=found.name, storage=optuna_storage_url())
    if found.experiment is not None:
        _remove_experiment(found)
    if found.folder:
        others = [one for one in found.folder.iterdir() if one.name not in (*_NO_SIGN, PLAN)]
        for one in [*others, found.folder / PLAN]:
            if one.is_dir():
                shutil.rmtree(one)
            else:
                one.unlink(missing_ok=True)


def versions_of(name: str) -> list[str]:
    """The registered model versions that came of a study, as ``model/number``."""
    versions = all_pages(mlflow_client().search_model_versions)
    return sorted(f"{one.name}/{one.version}" for one in versions if one.tags.get("study") == name)


def _remove_experiment(found: Identity) -> None:
    client = mlflow_client()
    experiment = found.experiment
    assert experiment is not None
    # An experiment in the trash keeps its name, and cannot be renamed there.
    if found.is_in_trash:
        client.restore_experiment(experiment.experiment_id)
    removed = _removed_name(found.name, experiment.experiment_id)
    client.rename_experiment(experiment.experiment_id, removed)
    client.delete_experiment(experiment.experiment_id)
    if is_embedded() and not versions_of(found.name):
        # A server's files are its administrator's; a registered model needs those of its run.
        _empty_trash(experiment.experiment_id)


def _removed_name(name: str, experiment_id: str) -> str:
    return f"{name} (removed, {experiment_id})"


def _empty_trash(experiment_id: str) -> None:
    """Delete an experiment's rows and files: MLflow offers that on its command line alone."""
    subprocess.run(
        [
            *(sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", tracking_uri()),
            *("--experiment-ids", experiment_id),
        ],
        env={**os.environ, "MLFLOW_TRACKING_URI": tracking_uri()},
        capture_output=True,
        check=False,  # it is in the trash in any case
    )


def _in_trash(found: Identity, where: str, otherwise: str) -> InputError:
    assert found.experiment is not None
    restore = ["mlflow", "experiments", "restore", "-x", found.experiment.experiment_id]
    address = hide_password(tracking_uri())
    return InputError(
        f"the study {found.name!r} is in MLflow's trash",
        where=where,
        hint=f"`MLFLOW_TRACKING_URI={shlex.quote(address)} {shlex.join(restore)}` restores it;"
        f" {otherwise}",
    )


def _planned_storage(folder: Path) -> str | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        storage = json.loads((folder / PLAN).read_text(encoding="utf-8"))["storage"]
        return storage if isinstance(storage, str) else None
    return None
