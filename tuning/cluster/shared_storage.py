"""Where a study keeps its checkpoints, and whether every machine of the cluster sees it.

A trial whose machine dies goes on elsewhere from its checkpoint, so the machines must share the
folder. Ray Tune finds out only when the first trials report, each with an error of its own; here
it is found out before the first trial.
"""

from __future__ import annotations

import contextlib
import socket
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from model.errors import InputError
from tuning.cluster.capacity import nodes
from tuning.cluster.session import Resources
from tuning.console import console
from tuning.home import study_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_WHERE = "--storage"
_SECONDS_TO_ANSWER = 120  # of a machine that is there: its first worker has to start
_SECONDS_TO_START = 1200  # of a machine that has to be launched and set up


def study_storage(study: str, storage: str | None) -> str:
    """Folder or address under which Ray Tune keeps a study.

    Args:
        storage: an absolute folder or an address such as ``s3://bucket/folder``; None is the
            study's folder under the home.

    Raises:
        InputError: it is neither, or an address that holds a password.
    """
    if storage is None:
        return str(study_folder(study))
    if "://" not in storage:
        if not storage.startswith("/"):
            raise InputError(
                f"{storage!r} is neither an absolute folder nor an address",
                where=_WHERE,
                hint="every machine has to find it: /shared/mmatune or s3://bucket/mmatune",
            )
        return f"{storage.rstrip('/')}/{study}"
    address = urlsplit(storage)
    if "@" in address.netloc:
        # It would be written into Ray Tune's own files and shown in its messages.
        raise InputError(
            "the address holds a password",
            where=_WHERE,
            hint="put it into the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    return address._replace(path=f"{address.path.rstrip('/')}/{study}").geturl()


def check_writable(storage: str) -> None:
    """Write a file there from here, before anything else is done for a study.

    Raises:
        InputError: it is full, read-only, or does not answer.
    """
    token = f".writable-{uuid.uuid4().hex}"
    filesystem, root = _writing(storage, token)
    _remove(filesystem, f"{root}/{token}")


def check_shared(storage: str, resources: Resources) -> None:
    """Write a file there and have every machine read it, and the other way round.

    Where no machine is large enough for a trial yet, one is asked for and looks too.

    Args:
        storage: from `study_storage`.
        resources: of a trial.

    Raises:
        InputError: it cannot be written to, or a machine sees another folder of that name.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    token = f".shared-{uuid.uuid4().hex}"
    filesystem, root = _writing(storage, token)
    machines = nodes()
    ask = ray.remote(num_cpus=0, max_retries=0)(look)
    try:
        asked = {
            ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(storage, token, node["NodeID"]): f"{node['NodeManagerAddress']}"
            for node in machines
        }
        _collect(filesystem, root, token, asked, _SECONDS_TO_ANSWER)
        if not any(_fits(node["Resources"], resources) for node in machines):
            large = ask.options(num_cpus=resources.cpus, num_gpus=resources.gpus)
            with console.status("waiting for the first machine that is large enough ..."):
                launched = {large.remote(storage, token, "launched"): "the new machine"}
                _collect(filesystem, root, token, launched, _SECONDS_TO_START)
    finally:
        for name in (
            token,
            *(f"{token}-{node['NodeID']}" for node in machines),
            f"{token}-launched",
        ):
            _remove(filesystem, f"{root}/{name}")


def open_storage(storage: str) -> tuple[FileSystem, str]:
    """The file system of a folder or an address, and the path on it.

    Raises:
        ValueError: pyarrow knows no such kind of address.
        OSError: it does not answer.
    """
    from pyarrow.fs import FileSystem, LocalFileSystem

    if "://" not in storage:
        return LocalFileSystem(), storage
    filesystem, root = FileSystem.from_uri(storage)
    return filesystem, root


def _writing(storage: str, token: str) -> tuple[FileSystem, str]:
    """The storage, opened and with a file of that name in it."""
    try:
        filesystem, root = open_storage(storage)
        filesystem.create_dir(root, recursive=True)
        _write(filesystem, f"{root}/{token}", token)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{storage} cannot be written to: {first_line(error)}",
            where=_WHERE,
            hint="make room or correct the address",
        ) from error
    return filesystem, root


def look(storage: str, token: str, node: str) -> str:
    """On a worker: read what the driver wrote, write what the driver will look for.

    Returns:
        What is wrong, empty if nothing is.
    """
    try:
        filesystem, root = open_storage(storage)
        with filesystem.open_input_stream(f"{root}/{token}") as file:
            file.read()
        _write(filesystem, f"{root}/{token}-{node}", socket.gethostname())
    except FileNotFoundError:
        return "does not see what the driver wrote there"
    except (OSError, ValueError) as error:
        return first_line(error)
    return ""


def _collect(
    filesystem: FileSystem, root: str, token: str, asked: dict[Any, str], seconds: float
) -> None:
    """Wait for the answers; the first that is wrong is raised."""
    import ray
    from ray.exceptions import RayError

    _, silent = ray.wait(list(asked), num_returns=len(asked), timeout=seconds)
    for reference, machine in asked.items():
        if reference in silent:
            ray.cancel(reference, force=True)
            raise InputError(
                f"{machine} did not answer within {seconds:.0f} s",
                where="--address",
                hint="see `ray status` on the head",
            )
        try:
            problem = ray.get(reference)
        except RayError as error:
            problem = first_line(error)
        if problem:
            raise InputError(
                f"{root} is not the same on every machine: {machine} {problem}",
                where=_WHERE,
                hint="name a folder that all of them mount, or s3://bucket/folder",
            )


def _fits(node: dict[str, float], resources: Resources) -> bool:
    return node.get("CPU", 0.0) >= resources.cpus and node.get("GPU", 0.0) >= resources.gpus


def _write(filesystem: FileSystem, path: str, text: str) -> None:
    with filesystem.open_output_stream(path) as file:
        file.write(text.encode())


def _remove(filesystem: FileSystem, path: str) -> None:
    # A machine may have written none, or the store gone away meanwhile.
    with contextlib.suppress(OSError):
        filesystem.delete_file(path)


def first_line(error: BaseException) -> str:
    """Of its message; the name of its class where there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
