"""One configuration over all folds of a protocol: what a trial runs.

Shape legend: K folds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import save_file

from model.autoencoder import Configuration
from model.datasets import AssociationDataset
from model.metrics import METRICS, ranking_metrics
from model.protocols import Fold
from model.similarities import Similarities
from model.training import Trainer

CHECKPOINT = "folds.safetensors"


@dataclass(frozen=True)
class Evaluation:
    """Each fold's metrics after the same number of epochs."""

    folds: tuple[dict[str, float], ...]

    def summary(self) -> dict[str, float]:
        """Mean of each metric over the folds under its name, and its spread as ``<name>_sd``.

        The sd is over folds of one split, which share most of their training associations: it
        tells how much folds differ, not how far the mean may be off. A single fold has none: NaN.
        """
        values: dict[str, float] = {}
        for name in METRICS:
            of_folds = np.array([fold[name] for fold in self.folds])
            values[name] = float(of_folds.mean())
            values[f"{name}_sd"] = float(of_folds.std(ddof=1)) if len(of_folds) > 1 else np.nan
        return values


class CrossValidation:
    """A model per fold, trained side by side.

    Args:
        seed: fold k trains with a seed derived from (seed, k).
    """

    def __init__(
        self,
        config: Configuration,
        dataset: AssociationDataset,
        folds: Sequence[Fold],
        *,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.folds = tuple(folds)
        similarities = Similarities.of(dataset, device)
        self.trainers = [
            Trainer(config, similarities, fold.train_pairs, seed=fold_seed(seed, k))
            for k, fold in enumerate(self.folds)
        ]

    @property
    def epoch(self) -> int:
        return self.trainers[0].epoch

    def train(self, epochs: int) -> float:
        """Train every fold for some epochs more; the mean loss of the last one."""
        losses = []
        for trainer in self.trainers:
            for _ in range(epochs):
                loss = trainer.train_epoch()
            losses.append(float(loss))
        return float(np.mean(losses))

    def evaluate(self) -> Evaluation:
        """Measure every fold on its held-out associations."""
        return Evaluation(
            tuple(
                ranking_metrics(
                    trainer.probabilities(fold.held_out),
                    trainer.probabilities(fold.ranked_against),
                    threshold=self.config.edge_decoder.threshold,
                    balance=fold.balance,
                )
                for trainer, fold in zip(self.trainers, self.folds, strict=True)
            )
        )

    def save(self, folder: Path) -> None:
        """Write everything needed to go on, as safetensors (no pickle)."""
        tensors = {
            f"{k}.{name}": value.detach().cpu().contiguous()
            for k, trainer in enumerate(self.trainers)
            for name, value in trainer.state().items()
        }
        metadata = {"epoch": str(self.epoch), "config": json.dumps(self.config.dotted())}
        save_file(tensors, folder / CHECKPOINT, metadata=metadata)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: the checkpoint is of another configuration.
        """
        with safe_open(folder / CHECKPOINT, framework="pt") as checkpoint:
            metadata = checkpoint.metadata()
            if json.loads(metadata["config"]) != self.config.dotted():
                raise ValueError(f"{folder / CHECKPOINT} is of another configuration")
            keys = list(checkpoint.keys())
            for k, trainer in enumerate(self.trainers):
                prefix = f"{k}."
                mine = [key for key in keys if key.startswith(prefix)]
                state = {key.removeprefix(prefix): checkpoint.get_tensor(key) for key in mine}
                trainer.load_state(state, int(metadata["epoch"]))


def fold_seed(seed: int, fold: int) -> int:
    """A seed of its own for every fold of a run."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])
