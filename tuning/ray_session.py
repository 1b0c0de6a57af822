"""Ray, started quietly on this machine or joined where a cluster runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from model.errors import InputError

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
    """What one trial gets, and how many run at once."""

    cpus: float
    gpus: float
    at_once: int


@contextmanager
def ray_session() -> Iterator[None]:
    """Ray for the time of a study: the cluster named by ``RAY_ADDRESS``, else this machine."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    # What goes wrong in a trial is recorded with the trial, not poured over the table.
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    address = os.environ.get("RAY_ADDRESS") or "local"
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except ConnectionError as error:
        raise InputError(
            f"no Ray cluster answers at {address}",
            where="RAY_ADDRESS",
            hint="start it, or unset RAY_ADDRESS to use this machine",
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def trial_resources(gpus_per_trial: float | None) -> Resources:
    """Resources of a trial on what Ray has now.

    Args:
        gpus_per_trial: may be a fraction; None is one GPU where there is any, else none.

    Raises:
        InputError: a trial asks for more GPUs than there are.
    """
    import ray

    total = ray.cluster_resources()
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
    return Resources(cpus=1.0, gpus=gpus_per_trial, at_once=max(1, int(at_once)))
