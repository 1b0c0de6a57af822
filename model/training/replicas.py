"""Replicas: one configuration on several sets of training associations, with one or more seeds.

Each set is trained ``training.seeds`` times and the probabilities of those models are averaged (a
seed ensemble).

Shape legend: K sets of training associations, R seeds, P pairs, M rows, S columns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.data.similarities import Similarities
from model.network.autoencoder import Configuration
from model.training.batched.trainer import BatchedTrainer

CHECKPOINT = "replicas.safetensors"


class Replicas:
    """K x R models of one configuration, trained side by side.

    Args:
        train_pairs: K arrays (T, 2), see `BatchedTrainer`.
        seeds: of each set; with a seed ensemble, its other members' are derived from it.
    """

    def __init__(
        self,
        config: Configuration,
        similarities: Similarities,
        train_pairs: Sequence[np.ndarray],
        seeds: Sequence[int],
    ) -> None:
        self.config = config
        self.members = config.training.seeds
        self.trainer = BatchedTrainer(
            config,
            similarities,
            [pairs for pairs in train_pairs for _ in range(self.members)],
            [member_seed(seed, member) for seed in seeds for member in range(self.members)],
        )

    @property
    def epoch(self) -> int:
        return self.trainer.epoch

    @property
    def n_weights(self) -> int:
        """The number of weights of one set's models, a measure of size that no machine changes."""
        return self.members * self.trainer.weights.shape[1]

    def train(self, epochs: int) -> float:
        """Train every model for some epochs more; the mean loss of the last one."""
        for _ in range(epochs):
            losses = self.trainer.train_epoch()
        return float(losses.mean())

    def probabilities(self, k: int, node_pairs: np.ndarray | Tensor) -> Tensor:
        """(P,) probability of (2, P) node pairs by set k's models, averaged over their seeds."""
        members = slice(k * self.members, (k + 1) * self.members)
        return self.trainer.probabilities(members, node_pairs).mean(dim=0)

    def every_pair(self, k: int) -> np.ndarray:
        """(M, S) probability of every pair of a row and a column by set k's models."""
        row, column = np.indices(self.trainer.sides)
        pairs = np.stack((row.ravel(), column.ravel() + self.trainer.sides[0]))
        return self.probabilities(k, pairs).cpu().numpy().reshape(self.trainer.sides)

    def save(self, folder: Path) -> None:
        """Write everything needed to go on, as safetensors (no pickle)."""
        metadata = {"epoch": str(self.epoch), "config": json.dumps(self.config.dotted())}
        save_file(self.trainer.state(), folder / CHECKPOINT, metadata=metadata)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: the checkpoint is of another configuration, its number of epochs apart.
        """
        with safe_open(folder / CHECKPOINT, framework="pt") as checkpoint:
            metadata = checkpoint.metadata()
            # An epoch's weights do not depend on how many were to come. Read as a configuration,
            # because one of an older version lacks settings that came since.
            epochs = {"training.epochs": self.config.training.epochs}
            if Configuration.from_dotted(json.loads(metadata["config"]) | epochs) != self.config:
                raise ValueError(f"{folder / CHECKPOINT} is of another configuration")
            state = {key: checkpoint.get_tensor(key) for key in checkpoint.keys()}  # noqa: SIM118
            self.trainer.load_state(state, int(metadata["epoch"]))


def member_seed(seed: int, member: int) -> int:
    """The seed of an ensemble's member; the first one keeps the ensemble's own."""
    if member == 0:
        return seed
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])
