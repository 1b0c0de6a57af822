"""What runs on Ray workers apart from trials: the choice of a device, training of final models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from model.data.datasets import AssociationDataset
from model.evaluation.fresh_splits import DevelopmentPart
from model.evaluation.protocols import Fold, Protocol
from model.network.autoencoder import Configuration
from tuning.cluster.session import Resources

if TYPE_CHECKING:
    from model.evaluation.ensemble import OutOfFold
    from model.training.final import FinalModel  # a trial's process needs nothing of it

Result = TypeVar("Result")


def worker_device() -> str:
    """The device of this worker, ``cuda`` or ``cpu``; on a CPU torch gets one thread."""
    import torch

    torch.set_num_threads(1)  # many tasks side by side beat one task on many threads
    return "cuda" if torch.cuda.is_available() else "cpu"


def train_final(
    configuration: Configuration,
    dataset: AssociationDataset,
    pairs: np.ndarray,
    seed: int,
    resources: Resources,
) -> np.ndarray:
    """(M, S) scores after training on all development associations, ``pairs`` (T, 2)."""
    return _run(_final_task, resources, configuration, dataset, pairs, seed)


def train_to_register(
    configuration: Configuration,
    part: DevelopmentPart,
    folds: Sequence[Fold],
    pairs: np.ndarray,
    seed: int,
    resources: Resources,
) -> FinalModel:
    """The model to register, see `model.training.final.final_model`."""
    return _run(_register_task, resources, configuration, part, folds, pairs, seed)


def train_on_everything(
    measured: FinalModel, dataset: AssociationDataset, resources: Resources
) -> FinalModel:
    """The model for use, see `model.training.final.refit`."""
    return _run(_refit_task, resources, measured, dataset)


def score_baselines(
    names: Sequence[str], dataset: AssociationDataset, folds: Sequence[Fold]
) -> dict[str, OutOfFold]:
    """What each baseline scores on the folds, see `baseline_scores`; a task each."""
    import ray

    if not names:
        return {}  # nothing is copied for nobody
    data_there, folds_there = ray.put(dataset), ray.put(folds)
    task = ray.remote(num_cpus=1)(_baseline_task)
    tasks = {name: task.remote(name, data_there, folds_there) for name in names}
    return {name: ray.get(one) for name, one in tasks.items()}


def _baseline_task(name: str, dataset: AssociationDataset, folds: Sequence[Fold]) -> OutOfFold:
    from model.baselines.registry import BASELINES, baseline_scores

    return baseline_scores(BASELINES[name], dataset, folds)


def score_every_pair(
    name: str, dataset: AssociationDataset, protocol: Protocol, resources: Resources
) -> np.ndarray:
    """(M, S) scores of a baseline that knows all associations of the data."""
    return _run(_every_pair_task, resources, name, dataset, protocol)


def _every_pair_task(name: str, dataset: AssociationDataset, protocol: Protocol) -> np.ndarray:
    from model.baselines.registry import BASELINES
    from model.evaluation.folds import everything

    return BASELINES[name](dataset, everything(dataset, protocol))


def _run(task: Callable[..., Result], resources: Resources, *arguments: Any) -> Result:
    """Run a task in a placement group, as trials are: other studies see that it waits and yield."""
    import ray

    with place(resources.bundle) as strategy:
        there = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(task)
        result: Result = ray.get(there.options(scheduling_strategy=strategy).remote(*arguments))
        return result


@contextmanager
def place(*bundles: dict[str, float]) -> Iterator[Any]:
    """Resources of the cluster, held for as long as the block runs; each bundle on one machine.

    Gives:
        Ray's scheduling strategy for tasks and actors that belong there; they wait for the place.
    """
    from ray.util import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    group = placement_group(list(bundles))
    try:
        yield PlacementGroupSchedulingStrategy(group)
    finally:
        remove_placement_group(group)


def _final_task(
    configuration: Configuration, dataset: AssociationDataset, pairs: np.ndarray, seed: int
) -> np.ndarray:
    from model.training.final import final_probabilities

    return final_probabilities(configuration, dataset, pairs, seed=seed, device=worker_device())


def _register_task(
    configuration: Configuration,
    part: DevelopmentPart,
    folds: Sequence[Fold],
    pairs: np.ndarray,
    seed: int,
) -> FinalModel:
    from model.training.final import final_model

    return final_model(configuration, part, folds, pairs, seed=seed, device=worker_device())


def _refit_task(measured: FinalModel, dataset: AssociationDataset) -> FinalModel:
    from model.training.final import refit

    return refit(measured, dataset, device=worker_device())
