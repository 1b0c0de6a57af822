"""One configuration over all folds of a protocol: what a trial runs.

Shape legend: K folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from model.autoencoder import Configuration
from model.datasets import AssociationDataset
from model.metrics import METRICS, fold_metrics
from model.protocols import Fold
from model.replicas import Replicas
from model.similarities import Similarities


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

    def to_frame(self) -> pd.DataFrame:
        """A row per fold, numbered from 1, a column per metric of `model.metrics.METRICS`."""
        index = pd.RangeIndex(1, len(self.folds) + 1, name="fold")
        return pd.DataFrame(list(self.folds), index=index)


class CrossValidation:
    """A model per fold, or an ensemble of seeds, trained side by side.

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
        self.replicas = Replicas(
            config,
            Similarities.of(dataset, device),
            [fold.train_pairs for fold in self.folds],
            [fold_seed(seed, k) for k in range(len(self.folds))],
        )
        # On the device once: every evaluation would wait for it otherwise.
        self._held_out, self._ranked_against = (
            [torch.as_tensor(pairs, device=device) for pairs in of_folds]
            for of_folds in (
                [fold.held_out for fold in self.folds],
                [fold.ranked_against for fold in self.folds],
            )
        )

    @property
    def epoch(self) -> int:
        return self.replicas.epoch

    def train(self, epochs: int) -> float:
        """Train every fold for some epochs more; the mean loss of the last one."""
        return self.replicas.train(epochs)

    def evaluate(self) -> Evaluation:
        """Measure every fold on its held-out associations."""
        sides = [
            [self.replicas.probabilities(k, pairs) for k, pairs in enumerate(of_folds)]
            for of_folds in (self._held_out, self._ranked_against)
        ]
        threshold = self.config.edge_decoder.threshold
        return Evaluation(
            tuple(fold_metrics(*sides, threshold=threshold, balance=self.folds[0].balance))
        )

    def save(self, folder: Path) -> None:
        """Write everything needed to go on; see `Replicas.save`."""
        self.replicas.save(folder)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote; see `Replicas.load`."""
        self.replicas.load(folder)


def fold_seed(seed: int, fold: int) -> int:
    """A seed of its own for every fold of a run."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])
