"""Replicas: one configuration on several sets of training associations, with one or more seeds.

Each set is trained ``training.seeds`` times and the probabilities of those models are averaged (a
seed ensemble).

Shape legend: K sets of training associations, R seeds, P pairs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.torch import save_file

from model.autoencoder import Configuration
from model.similarities import Similarities
from model.training import Trainer

CHECKPOINT = "replicas.safetensors"


class Replicas:
    """K x R models of one configuration, trained side by side.

    Args:
        train_pairs: K arrays (T, 2), see `Trainer`.
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
        self.trainers = [
            [
                Trainer(config, similarities, pairs, seed=member_seed(seed, member))
                for member in range(config.training.seeds)
            ]
            for pairs, seed in zip(train_pairs, seeds, strict=True)
        ]

    @property
    def epoch(self) -> int:
        return self.trainers[0][0].epoch

    def train(self, epochs: int) -> float:
        """Train every model for some epochs more; the mean loss of the last one."""
        losses = []
        for trainer in self._all():
            for _ in range(epochs):
                loss = trainer.train_epoch()
            losses.append(float(loss))
        return float(np.mean(losses))

    def probabilities(self, k: int, node_pairs: np.ndarray) -> np.ndarray:
        """(P,) probability of (2, P) node pairs by set k's models, averaged over their seeds."""
        members = [trainer.probabilities(node_pairs) for trainer in self.trainers[k]]
        return np.mean(members, axis=0)

    def save(self, folder: Path) -> None:
        """Write everything needed to go on, as safetensors (no pickle)."""
        tensors = {
            f"{index}.{name}": value.detach().cpu().contiguous()
            for index, trainer in enumerate(self._all())
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
            for index, trainer in enumerate(self._all()):
                prefix = f"{index}."
                mine = [key for key in keys if key.startswith(prefix)]
                state = {key.removeprefix(prefix): checkpoint.get_tensor(key) for key in mine}
                trainer.load_state(state, int(metadata["epoch"]))

    def _all(self) -> list[Trainer]:
        return [trainer for members in self.trainers for trainer in members]


def member_seed(seed: int, member: int) -> int:
    """The seed of an ensemble's member; the first one keeps the ensemble's own."""
    if member == 0:
        return seed
    return int(np.random.SeedSequence([seed, member]).generate_state(1)[0])
