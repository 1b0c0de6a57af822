"""One configuration over all folds of a protocol: what a trial runs.

Shape legend: K folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.metrics import fold_metrics
from model.evaluation.protocols import Fold
from model.evaluation.result import Evaluation
from model.network.autoencoder import Configuration
from model.training.replicas import Replicas


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
        measured = fold_metrics(
            *sides,
            pairs=(self._held_out, self._ranked_against),
            threshold=self.config.edge_decoder.threshold,
            balance=self.folds[0].balance,
        )
        return Evaluation(tuple(measured))

    def save(self, folder: Path) -> None:
        """Write everything needed to go on; see `Replicas.save`."""
        self.replicas.save(folder)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote; see `Replicas.load`."""
        self.replicas.load(folder)


def fold_seed(seed: int, fold: int) -> int:
    """A seed of its own for every fold of a run."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])
