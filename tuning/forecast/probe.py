"""A measured probe: what trials of a space cost where they would run, alone and side by side.

It runs in processes as trials do, on the study's folds: a spread of the space's configurations for
a few epochs each, then the most expensive of them in 1, 2, 4 ... processes at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.protocols import Fold
from model.network.autoencoder import Configuration
from search_spaces.sampling import sample_points
from search_spaces.schema import SearchSpace
from tuning.cluster.capacity import nodes
from tuning.forecast.prober import Cost, Prober
from tuning.search.worker import place
from tuning.starts import Start, own_starts

SAMPLED = 24  # random configurations, beside the points that the search starts with
MOST_AT_ONCE = 8  # processes that are tried side by side
_ENOUGH = 20.0  # seconds after which no further configuration is begun
MARGIN = 0.2  # part of the memory that is left free
_WHERE = "--gpus-per-trial"


@dataclass(frozen=True)
class Probe:
    """What was measured.

    Args:
        device: ``cpu`` or ``cuda``.
        name: of the device.
        cores: processor cores for the trials of one device: of a GPU, its share of the machine's.
        device_memory: bytes of the GPU; 0 on a CPU.
        machine_memory: bytes of main memory for the trials of one device.
        trial_device_memory: bytes on the GPU that a trial took at most, its context included.
        trial_machine_memory: bytes of main memory that a trial's process took at most.
        costs: of each configuration that could be trained.
        failure: why another could not; empty if all could.
        start: seconds until the processes of the probe had started, torch imported.
        throughput: epochs a second, all processes together, by how many there were at once.
    """

    device: str
    name: str
    cores: int
    device_memory: int
    machine_memory: int
    trial_device_memory: int
    trial_machine_memory: int
    costs: tuple[Cost, ...]
    failure: str
    start: float
    throughput: dict[int, float]

    def slowdown(self, at_once: int) -> float:
        """How many times as long an epoch takes with ``at_once`` trials on one device; at least 1.

        Beyond what was measured, as with the most that was.
        """
        known = max((k for k in self.throughput if k <= at_once), default=1)
        return max(1.0, known * self.throughput[1] / self.throughput[known])


def measure(
    dataset: AssociationDataset,
    folds: Sequence[Fold],
    space: SearchSpace,
    seed: int,
    *,
    on_gpu: bool,
    starts: Sequence[Start] | None = None,
) -> Probe:
    """Measure on the cluster that Ray has joined; it takes seconds to half a minute.

    ``starts`` are the points that the study begins with; None are those of the space's file.
    On a GPU it waits for a whole one; else for the cores that are free now, at least one.

    Raises:
        InputError: no configuration could be trained, or a trial needs more memory than there is.
    """
    import optuna
    import ray
    from ray.exceptions import RayError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    starts = own_starts(space) if starts is None else starts
    points = [*(start.point for start in starts), *sample_points(space, SAMPLED, seed)]
    wanted = [
        (space.configuration(point), number < len(starts), space.is_published(point))
        for number, point in enumerate(points)
    ]
    data = ray.put(dataset), ray.put(tuple(folds))
    bundles, gpu = _gpu_bundle() if on_gpu else _core_bundles()
    with place(*bundles) as strategy:
        # A process each, as trials are; on a GPU all of them share the one.
        start: Any = ray.remote(num_cpus=1, num_gpus=gpu)(Prober)
        start = start.options(scheduling_strategy=strategy)
        actors = [start.remote(*data, seed) for _ in range(int(sum(one["CPU"] for one in bundles)))]
        try:
            # All have started before the first is timed.
            began = time.monotonic()
            node, *_ = ray.get([actor.node.remote() for actor in actors])
            started = time.monotonic() - began
            costs, failure = _costs(actors[0], wanted)
            about: dict[str, Any] = {**ray.get(actors[0].memory.remote()), **_share(node, gpu)}
            dearest = wanted[max(costs, key=lambda number: costs[number].epoch)][0]
            throughput: dict[int, float] = {
                at_once: sum(ray.get([one.rate.remote(dearest) for one in actors[:at_once]]))
                for at_once in _steps(max(1, min(len(actors), largest_number(about))))
            }
        except RayError as error:
            raise InputError(
                f"a trial's process died in the probe: {str(error).strip().splitlines()[0]}",
                where=_WHERE,
                hint="it may need more memory than there is: narrow the space",
            ) from error
        for actor in actors:
            ray.kill(actor)
    return Probe(
        **about,
        costs=tuple(costs.values()),
        failure=failure,
        start=started,
        throughput=throughput,
    )


def _costs(
    actor: Any, wanted: list[tuple[Configuration, bool, bool]]
) -> tuple[dict[int, Cost], str]:
    """By their number, of as many as there is time for; the last failure's message.

    Args:
        wanted: arguments of `Prober.cost`.
    """
    import ray
    from ray.exceptions import RayTaskError

    began = time.monotonic()
    costs: dict[int, Cost] = {}
    failure = ""
    for number, arguments in enumerate(wanted):
        if costs and time.monotonic() - began > _ENOUGH:
            break
        try:
            costs[number] = ray.get(actor.cost.remote(*arguments))
        except RayTaskError as error:  # what fails here fails alone in the study, too
            failure = str(error.cause).strip().splitlines()[0]
    if not costs:
        raise InputError(
            f"none of {len(wanted)} configurations of the space could be trained: {failure}"
        )
    return costs, failure


def _share(node: str, gpu: float) -> dict[str, int]:
    """Cores and memory for the trials of one device of a machine."""
    has = next(one["Resources"] for one in nodes() if one["NodeID"] == node)
    devices = has["GPU"] if gpu else 1.0
    return {
        "cores": max(1, int(has["CPU"] / devices)),
        "machine_memory": int(has["memory"] / devices),
    }


def _core_bundles() -> tuple[list[dict[str, float]], float]:
    """The places of the probe's processes, and the part of a GPU that each gets."""
    import ray as untyped

    ray: Any = untyped
    cores = max(node["Resources"].get("CPU", 0.0) for node in nodes())
    free = int(min(cores, ray.available_resources().get("CPU", 0.0), MOST_AT_ONCE))
    return [{"CPU": 1.0}] * max(1, free), 0.0


def _gpu_bundle() -> tuple[list[dict[str, float]], float]:
    """One GPU with its share of a machine's cores, see `_core_bundles`."""
    import ray

    with place({"CPU": 1.0, "GPU": 1.0}) as strategy:  # the machine may have to be launched first
        there: Any = ray.remote(num_cpus=1, num_gpus=1)(_nothing)
        ray.get(there.options(scheduling_strategy=strategy).remote())
    machines = [node["Resources"] for node in nodes() if node["Resources"].get("GPU")]
    cores = max(1, int(max(machine["CPU"] // machine["GPU"] for machine in machines)))
    processes = min(cores, MOST_AT_ONCE)
    return [{"CPU": float(processes), "GPU": 1.0}], part_of_a_gpu(processes)


def part_of_a_gpu(trials: int) -> float:
    """The share of each trial, rounded down to Ray's unit of 1/10,000, so that all of them fit."""
    return math.floor(10_000 / trials) / 10_000


def _nothing() -> None:
    """A task that only waits for its place."""


def largest_number(about: Mapping[str, Any]) -> int:
    """How many trials fit into the memory of one device, and of its share of the machine.

    Args:
        about: the fields of a `Probe` that say how much memory there is, and is taken.
    """
    numbers = [
        int((1 - MARGIN) * about[f"{kind}_memory"] / about[f"trial_{kind}_memory"])
        for kind in ("device", "machine")
        if about[f"trial_{kind}_memory"]
    ]
    return min(numbers)


def _steps(most: int) -> Iterator[int]:
    """1, 2, 4, ... and the most."""
    at_once = 1
    while at_once < most:
        yield at_once
        at_once *= 2
    yield most
