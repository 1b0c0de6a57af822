"""The batched trainer scores as the plain one does, within noise."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.autoencoder import Configuration
from model.catalogue import load
from model.cross_validation import CrossValidation, fold_seed
from model.metrics import ranking_metrics
from model.protocols import HONEST, development_folds
from model.similarities import Similarities
from model.training import Trainer
from tests.model.test_golden_losses import HEAD

EPOCHS = 100
CONFIGURATIONS = (
    {},
    {**HEAD, "mask.rate": 0.2, "sampled_pairs.per_association": 3},
    {"encoder.type": "gcn", "encoder.layers": 1, "encoder.norm": "none", "mask.scheme": "path"},
)
SEEDS = (0, 1, 2)
NOISE = 0.003  # of a mean over configurations, folds and seeds


@pytest.mark.slow
def test_the_mean_honest_auc_is_that_of_the_plain_trainer(shared_data: Path) -> None:
    torch.set_num_threads(1)
    dataset = load("dataset2", shared_data)
    folds = development_folds(dataset, HONEST, seed=0)
    similarities = Similarities.of(dataset)
    plain, batched = [], []
    for values in CONFIGURATIONS:
        config = Configuration.from_dotted({**values, "training.epochs": EPOCHS})
        for seed in SEEDS:
            validation = CrossValidation(config, dataset, folds, seed=seed)
            validation.train(EPOCHS)
            batched += [fold["auc"] for fold in validation.evaluate().folds]
            for k, fold in enumerate(folds):
                trainer = Trainer(config, similarities, fold.train_pairs, seed=fold_seed(seed, k))
                for _ in range(EPOCHS):
                    trainer.train_epoch()
                scores = map(trainer.probabilities, (fold.held_out, fold.ranked_against))
                plain.append(ranking_metrics(*scores)["auc"])
    difference = np.array(batched) - np.array(plain)
    each = difference.reshape(len(CONFIGURATIONS), -1).mean(axis=1).round(4)
    print(f"batched minus plain: {difference.mean():+.4f}, by configuration {each}")
    assert abs(difference.mean()) < NOISE, each
