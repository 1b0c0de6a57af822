"""Golden loss curves: a change that is meant to change nothing must reproduce them.

After a change that is meant to, write them anew with
`python -m tests.model.training.test_golden_losses`, and say in the commit why they moved.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from model.data.similarities import Similarities
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from model.training.batched.trainer import BatchedTrainer
from model.training.plain import Trainer

FOLDER = Path(__file__).parent / "losses"
EPOCHS = 12
HEAD = {
    "features.transform": "centred",
    "features.associations": "gip",
    "encoder.type": "sage",
    "encoder.layers": 1,
    "encoder.norm": "none",
    "edge_decoder.type": "bilinear",
    "head.type": "propagation",
    "sampled_pairs.per_association": "all",
    "degree_decoder.alpha": 0.0,
}
CONFIGURATIONS = {
    "default": Configuration(),
    "published": Configuration.published(),
    "head": Configuration.from_dotted(HEAD),
}


def curves() -> Iterator[tuple[str, np.ndarray]]:
    """Name and (EPOCHS, models) losses of each trainer and configuration."""
    torch.set_num_threads(1)
    dataset = demo()
    pairs = [fold.train_pairs for fold in development_folds(dataset, HONEST, 0)[:2]]
    similarities = Similarities.of(dataset)
    for name, config in CONFIGURATIONS.items():
        single = Trainer(config, similarities, pairs[0], seed=0)
        yield f"plain-{name}", np.array([[float(single.train_epoch())] for _ in range(EPOCHS)])
        both = BatchedTrainer(config, similarities, pairs, [0, 1])
        yield f"batched-{name}", np.stack([both.train_epoch().numpy() for _ in range(EPOCHS)])


def test_the_curves_are_those_on_file() -> None:
    found = dict(curves())
    assert {path.stem for path in FOLDER.glob("*.txt")} == found.keys()
    for name, losses in found.items():
        expected = np.loadtxt(FOLDER / f"{name}.txt", ndmin=2)
        # Not bit for bit: another processor sums in another order.
        assert losses == pytest.approx(expected, rel=2e-3), name


if __name__ == "__main__":
    for name, losses in curves():
        np.savetxt(FOLDER / f"{name}.txt", losses, fmt="%.6f")
