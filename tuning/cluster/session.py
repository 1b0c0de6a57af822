"""Ray, started quietly on this machine or joined where a cluster runs."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from model.errors import InputError
from tuning.cluster.capacity import cluster_capacity
from tuning.libraries.ray_internals import listen_on_loopback, without_idle_services

# Read when Ray starts or is imported. A user's own setting wins.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Workers run at nice 15 by default, which lets anything else on the machine starve trials.
    "RAY_worker_niceness": "0",
    # The CSV, JSON and TensorBoard files nobody reads cost more than the report itself.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # What goes wrong in a trial is recorded with the trial.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    # `interruptible` handles Ctrl-C.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


_ANSWER_TIMEOUT_S = 10.0  # of a machine that is there
# The system's limit for the path of a socket is 107 bytes; Ray adds up to 70 to its folder:
# /ray/session_2026-01-01_12-00-00_000000_0000000/sockets/plasma_store
_LONGEST_FOLDER = 37


@dataclass(frozen=True)
class Resources:
    """What one trial gets, and how many run at once; ``memory`` in bytes, 0 for no limit."""

    cpus: float
    gpus: float
    at_once: int
    memory: int = 0

    @property
    def bundle(self) -> dict[str, float]:
        """A trial's, in Ray's names; what it needs none of is left out."""
        amounts = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return {kind: amount for kind, amount in amounts.items() if amount}


@contextmanager
def ray_session(address: str | None = None) -> Iterator[None]:
    """Ray for the time of a study.

    Args:
        address: of a running cluster, ``auto`` on one of its machines; None is the cluster named
            by ``RAY_ADDRESS``, else this machine.

    Raises:
        InputError: no cluster is there, or it asks for a token that this machine does not have.
    """
    check_ray(address)
    address = ray_address(address)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.exceptions import AuthenticationError

    # What goes wrong in a trial is recorded with the trial, not poured over the table.
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with ExitStack() as own:
            if address == "local":
                own.enter_context(listen_on_loopback())
                own.enter_context(without_idle_services())
            ray.init(
                address=address,
                include_dashboard=False if address == "local" else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except ConnectionError as error:
        raise _no_cluster(address) from error
    except AuthenticationError as error:
        raise InputError(
            f"the Ray cluster at {address} asks for its token",
            where="--address",
            hint="set RAY_AUTH_MODE=token; the token is in ~/.ray/auth_token on its machines",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def ray_address(address: str | None) -> str:
    """Where Ray is joined: as given, else ``RAY_ADDRESS``, else ``local`` for one of our own.

    Raises:
        InputError: an address that needs the job server or the Ray client.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if "://" in address:
        raise InputError(
            f"a study cannot be driven through {address}: it would die with the connection",
            where="--address",
            hint="run it on the head: `ray exec cluster.yaml 'mmatune tune ... --address auto'`",
        )
    return address


def check_ray(address: str | None = None) -> None:
    """Look, in seconds, whether Ray can be joined or started: Ray itself tries for minutes.

    Args:
        address: as for `ray_session`.

    Raises:
        InputError: nothing listens at the address, or no folder is short enough for Ray's sockets.
    """
    address = ray_address(address)
    if address == "local":
        _choose_short_folder()
    elif address != "auto":
        _check_listens(address)


def _check_listens(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(
            f"{address!r} is no address of a Ray cluster",
            where=_where(),
            hint="HOST:PORT, such as 10.0.0.1:6379; `auto` on one of its machines",
        )
    # Ray takes this machine's own address for its loopback address.
    hosts = [host, *([socket.gethostname()] if host in ("127.0.0.1", "localhost") else [])]
    for one in hosts:
        with suppress(OSError), socket.create_connection((one, int(port)), _ANSWER_TIMEOUT_S):
            return
    raise _no_cluster(address)


def _no_cluster(address: str) -> InputError:
    return InputError(
        f"no Ray cluster answers at {address}",
        where=_where(),
        hint="start it with `ray up`, or leave --address and RAY_ADDRESS out to use this machine",
    )


def _where() -> str:
    return "RAY_ADDRESS" if os.environ.get("RAY_ADDRESS") else "--address"


def _choose_short_folder() -> None:
    """Have Ray keep its session in a folder whose name leaves room for that of a socket."""
    given = os.environ.get("RAY_TMPDIR")
    folder = given or os.environ.get("TMPDIR") or "/tmp"
    if len(os.fsencode(folder)) <= _LONGEST_FOLDER:
        return
    if given is None and os.access("/tmp", os.W_OK | os.X_OK):
        os.environ["RAY_TMPDIR"] = "/tmp"
        return
    raise InputError(
        f"the folder is too long for Ray's sockets: {folder}",
        where="RAY_TMPDIR" if given else "TMPDIR",
        hint=f"set RAY_TMPDIR to a folder of at most {_LONGEST_FOLDER} bytes on a local disk",
    )


def trial_resources(
    gpus_per_trial: float | None, address: str | None = None, memory: int = 0
) -> Resources:
    """Resources of a trial on what Ray has, or may have once the cluster has grown.

    Args:
        gpus_per_trial: may be a fraction; None is one GPU where there is any, else none.
        address: as for `ray_session`.
        memory: bytes of main memory; 0 for no limit.

    Raises:
        InputError: a trial asks for more GPUs than there are.
    """
    total = cluster_capacity(ray_address(address))
    gpus = total.get("GPU", 0.0)
    if gpus_per_trial is None:
        gpus_per_trial = 1.0 if gpus else 0.0
    if gpus_per_trial > gpus:
        raise InputError(
            f"a trial asks for {gpus_per_trial:g} GPUs, Ray sees {gpus:g}",
            where="--gpus-per-trial",
            hint="ask for fewer, or 0 to run on CPUs",
        )
    at_once = total.get("CPU", 1.0)
    if gpus_per_trial:
        at_once = min(at_once, gpus / gpus_per_trial)
    if memory and "memory" in total:
        at_once = min(at_once, total["memory"] // memory)
    return Resources(1.0, gpus_per_trial, max(1, int(at_once)), memory)
