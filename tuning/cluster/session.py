"""Ray, started quietly on this machine or joined where a cluster runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from model.errors import InputError
from tuning.cluster.capacity import cluster_capacity
from tuning.libraries.ray_internals import listen_on_loopback

# Read when Ray starts or is imported. A user's own setting wins.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Workers run at nice 15 by default, which lets anything else on the machine starve trials.
    "RAY_worker_niceness": "0",
    # The CSV, JSON and TensorBoard files nobody reads cost more than the report itself.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # `interruptible` handles Ctrl-C.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


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
    address = ray_address(address)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.exceptions import AuthenticationError

    # What goes wrong in a trial is recorded with the trial, not poured over the table.
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with listen_on_loopback() if address == "local" else nullcontext():
            ray.init(
                address=address,
                include_dashboard=False if address == "local" else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    except ConnectionError as error:
        raise InputError(
            f"no Ray cluster answers at {address}",
            where="--address",
            hint="start it with `ray up`, or leave --address and RAY_ADDRESS out to use this"
            " machine",
        ) from error
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
