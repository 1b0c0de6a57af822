"""Probes that were never measured, for what is computed from them."""

from typing import Any

from tuning.forecast.probe import Probe
from tuning.forecast.prober import Cost

GIB = 2**30
COST = Cost(False, False, epochs=60, setup=0.1, epoch=0.02, evaluation=0.01, checkpoint=1000)


def probe(**measured: Any) -> Probe:
    """A GPU of 24 GiB with 4 cores and 16 GiB of main memory; a trial takes 1 GiB of each."""
    values: dict[str, Any] = {
        "device": "cuda",
        "name": "a GPU",
        "cores": 4,
        "device_memory": 24 * GIB,
        "machine_memory": 16 * GIB,
        "trial_device_memory": GIB,
        "trial_machine_memory": GIB,
        "costs": (COST,),
        "failure": "",
        "start": 5.0,
        "throughput": {1: 10.0, 2: 18.0, 4: 30.0},
    }
    return Probe(**{**values, **measured})
