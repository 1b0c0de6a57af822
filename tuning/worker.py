"""What runs on a Ray worker whoever asks for it: its device, and the training of a final model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.autoencoder import Configuration
from model.datasets import AssociationDataset
from model.final import FinalModel
from model.protocols import Fold
from tuning.ray_session import Resources


def worker_device() -> str:
    """The device of this worker; on a CPU it is left one thread."""
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
    import ray

    task = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(_final_task)
    return ray.get(task.remote(configuration, dataset, pairs, seed))


def train_to_register(
    configuration: Configuration,
    dataset: AssociationDataset,
    folds: Sequence[Fold],
    pairs: np.ndarray,
    seed: int,
    resources: Resources,
) -> FinalModel:
    """The model to register, see `model.final.final_model`.

    Args:
        dataset: without its sealed associations.
    """
    import ray

    task = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(_register_task)
    return ray.get(task.remote(configuration, dataset, folds, pairs, seed))


def _final_task(
    configuration: Configuration, dataset: AssociationDataset, pairs: np.ndarray, seed: int
) -> np.ndarray:
    from model.final import final_probabilities

    return final_probabilities(configuration, dataset, pairs, seed=seed, device=worker_device())


def _register_task(
    configuration: Configuration,
    dataset: AssociationDataset,
    folds: Sequence[Fold],
    pairs: np.ndarray,
    seed: int,
) -> FinalModel:
    from model.final import final_model

    return final_model(configuration, dataset, folds, pairs, seed=seed, device=worker_device())
