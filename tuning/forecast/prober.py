"""The process of a probe: it trains as a trial does, and tells what that took."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold
from model.network.autoencoder import Configuration
from tuning.search.worker import worker_device

_EPOCHS, _SECONDS = 10, 0.15  # timed at a stretch: as many epochs, fewer where they take longer
_WINDOW = 1.5  # seconds of training side by side


@dataclass(frozen=True)
class Cost:
    """What one configuration costs, all folds together, alone on its device.

    Args:
        is_start: one of the points that the search starts with; they come first.
        is_spared: ASHA does not stop it.
        epochs: its budget.
        setup: seconds before the first epoch, imports aside.
        epoch: seconds of one.
        evaluation: seconds of one.
        checkpoint: bytes.
    """

    is_start: bool
    is_spared: bool
    epochs: int
    setup: float
    epoch: float
    evaluation: float
    checkpoint: int


class Prober:
    """On a worker: trains like a trial, and tells what that took."""

    def __init__(self, dataset: AssociationDataset, folds: tuple[Fold, ...], seed: int) -> None:
        self.dataset, self.folds, self.seed = dataset, folds, seed
        self.device = worker_device()
        import model.training.cross_validation  # noqa: F401 - a set-up is timed without its imports

    def node(self) -> str:
        import ray

        return str(ray.get_runtime_context().get_node_id())

    def cost(self, configuration: Configuration, is_start: bool, is_spared: bool) -> Cost:
        """What the configuration costs when this process alone trains."""
        began = time.perf_counter()
        validation = self._begin(configuration)
        setup = time.perf_counter() - began
        epochs = _stretch(validation)
        epoch = _timed(lambda: validation.train(epochs)) / epochs
        evaluation = _timed(validation.evaluate)
        with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
            validation.save(Path(folder))
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
        budget = configuration.training.epochs
        return Cost(is_start, is_spared, budget, setup, epoch, evaluation, size)

    def rate(self, configuration: Configuration) -> float:
        """Epochs a second."""
        validation = self._begin(configuration)
        stretch = _stretch(validation)
        began, epochs = time.perf_counter(), 0
        while epochs == 0 or time.perf_counter() - began < _WINDOW:
            validation.train(stretch)
            epochs += stretch
        return epochs / (time.perf_counter() - began)

    def memory(self) -> dict[str, Any]:
        """What the device has, and the most that this process took of it and of the machine."""
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        found = {"device": self.device, "name": "processor", "trial_machine_memory": peak}
        if self.device == "cpu":
            return {**found, "device_memory": 0, "trial_device_memory": 0}
        import torch

        free, total = torch.cuda.mem_get_info()
        # Alone on the device: what it lacks beyond the allocator's blocks is the context.
        context = total - free - torch.cuda.memory_reserved()
        return {
            **found,
            "name": torch.cuda.get_device_name(),
            "device_memory": total,
            "trial_device_memory": context + torch.cuda.max_memory_reserved(),
        }

    def _begin(self, configuration: Configuration) -> Any:
        from model.training.cross_validation import CrossValidation

        return CrossValidation(
            configuration, self.dataset, self.folds, seed=self.seed, device=self.device
        )


def _stretch(validation: Any) -> int:
    """Epochs to time at a stretch, by how long the first one took, which is not timed itself."""
    return max(1, min(_EPOCHS, int(_SECONDS / _timed(lambda: validation.train(1)))))


def _timed(action: Callable[[], Any]) -> float:
    """Seconds; the action returns numbers of the host, so it waits for the device."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
