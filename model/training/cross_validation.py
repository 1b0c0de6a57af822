"""One configuration over all folds of a protocol: what a trial runs.

Shape legend: K folds, H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.metrics.ranked_pairs import RankedPairs
from model.evaluation.metrics.table import fold_metrics
from model.evaluation.protocols import Fold
from model.evaluation.result import Evaluation
from model.network.autoencoder import Configuration
from model.training.replicas import Replicas


class CrossValidation:
    """A model per fold, or an ensemble of seeds, trained side by side.

    Args:
        seed: fold k trains with a seed derived from (seed, k).
        keep_scores: keep the scores of the last evaluation for `out_of_fold`.
    """

    def __init__(
        self,
        config: Configuration,
        dataset: AssociationDataset,
        folds: Sequence[Fold],
        *,
        seed: int,
        device: str = "cpu",
        keep_scores: bool = False,
    ) -> None:
        self.config = config
        self._keep_scores = keep_scores
        self._scores: list[list[Tensor]] = []
        self.folds = tuple(folds)
        self.replicas = Replicas(
            config,
            Similarities.of(dataset, device),
            [fold.train_pairs for fold in self.folds],
            [fold_seed(seed, k) for k in range(len(self.folds))],
        )
        # On the device once: every evaluation would wait for it otherwise.
        self._pairs = RankedPairs(
            [fold.held_out for fold in self.folds],
            [fold.ranked_against for fold in self.folds],
            device=device,
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
            for of_folds in (self._pairs.held_out, self._pairs.unknown)
        ]
        self._scores = sides if self._keep_scores else []
        measured = fold_metrics(
            *sides,
            pairs=self._pairs,
            threshold=self.config.edge_decoder.threshold,
            balance=self.folds[0].balance,
        )
        return Evaluation(tuple(measured))

    def out_of_fold(self) -> list[np.ndarray]:
        """What the last evaluation scored: of each fold (H + U,), held-out associations first.

        They are logits, of which single precision tells apart what probabilities near 0 and 1 do
        not. Infinite ones are cut at 1000: no number but 0 and 1 itself has one as large.
        """
        of_folds = [
            torch.cat(sides).logit().clamp(-1000, 1000).float()
            for sides in zip(*self._scores, strict=True)
        ]
        ends = np.cumsum([len(scores) for scores in of_folds])[:-1]
        # As one tensor, so that the host waits for the device once and not for every fold.
        return list(np.split(torch.cat(of_folds).cpu().numpy(), ends))

    def save(self, folder: Path) -> None:
        """Write everything needed to go on; see `Replicas.save`."""
        self.replicas.save(folder)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote; see `Replicas.load`."""
        self.replicas.load(folder)


def fold_seed(seed: int, fold: int) -> int:
    """A seed of its own for every fold of a run."""
    return int(np.random.SeedSequence([seed, fold]).generate_state(1)[0])
