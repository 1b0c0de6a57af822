"""The batched trainer scores as the plain one does, within noise; so do coarser products."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from model.data.catalogue import load
from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.metrics.table import ranking_metrics
from model.evaluation.protocols import HONEST, Fold, development_folds
from model.network.autoencoder import Configuration
from model.training.batched import precision
from model.training.cross_validation import CrossValidation, fold_seed
from model.training.plain import Trainer
from tests.model.training.test_golden_losses import HEAD

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
    plain = []
    for config, seed in trainings():
        for k, fold in enumerate(folds):
            trainer = Trainer(config, similarities, fold.train_pairs, seed=fold_seed(seed, k))
            for _ in range(EPOCHS):
                trainer.train_epoch()
            scores = map(trainer.probabilities, (fold.held_out, fold.ranked_against))
            plain.append(ranking_metrics(*scores)["auc"])
    assert_neutral("batched minus plain", batched(dataset, folds), plain)


@pytest.mark.slow
def test_products_in_bf16_move_no_score(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 is finer than bf16: what does not move with this one should not with that one."""
    if "bf16" not in precision.precisions(torch.device("cpu")):
        pytest.skip("this processor has no bf16 products")
    torch.set_num_threads(1)
    dataset = load("dataset2", shared_data)
    folds = development_folds(dataset, HONEST, seed=0)
    exact = batched(dataset, folds)
    monkeypatch.setitem(precision.DEFAULTS, "cpu", "bf16")
    rounded = batched(dataset, folds)
    assert not np.array_equal(rounded, exact)  # it was on
    assert_neutral("bf16 minus float32", rounded, exact)


def trainings() -> Iterator[tuple[Configuration, int]]:
    for values in CONFIGURATIONS:
        for seed in SEEDS:
            yield Configuration.from_dotted({**values, "training.epochs": EPOCHS}), seed


def batched(dataset: AssociationDataset, folds: Sequence[Fold]) -> list[float]:
    """The AUC of every fold of every training."""
    found = []
    for config, seed in trainings():
        validation = CrossValidation(config, dataset, folds, seed=seed)
        validation.train(EPOCHS)
        found += [fold["auc"] for fold in validation.evaluate().folds]
    return found


def assert_neutral(what: str, one: list[float], other: list[float]) -> None:
    difference = np.array(one) - np.array(other)
    each = difference.reshape(len(CONFIGURATIONS), -1).mean(axis=1).round(4)
    print(f"{what}: {difference.mean():+.4f}, by configuration {each}")
    assert abs(difference.mean()) < NOISE, each
