"""The publication's score, reproduced under its own protocol, and what it is under an honest one.

Slow: 1000 epochs of 5 folds take a minute and a half for each seed. Run with `make test-slow`.
"""

from pathlib import Path

import numpy as np
import pytest

from model.baselines.additive_degree import additive_degree
from model.baselines.registry import evaluate_baseline
from model.data.catalogue import load
from model.evaluation.protocols import HONEST, PAPER, Protocol, development_folds
from model.network.autoencoder import Configuration
from model.training.cross_validation import CrossValidation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SEEDS = range(3)


def published(protocol: Protocol, data_dir: Path) -> float:
    """Mean AUC of the published settings over 5 folds of each seed."""
    dataset = load("dataset2", data_dir)
    config = Configuration.published()
    aucs = []
    for seed in SEEDS:
        folds = development_folds(dataset, protocol, seed)
        validation = CrossValidation(config, dataset, folds, seed=seed)
        validation.train(config.training.epochs)
        aucs.append(validation.evaluate().summary()["auc"])
    return float(np.mean(aucs))


def counting(protocol: Protocol, data_dir: Path) -> float:
    dataset = load("dataset2", data_dir)
    folds = [development_folds(dataset, protocol, seed) for seed in SEEDS]
    aucs = [evaluate_baseline(additive_degree, dataset, f).summary()["auc"] for f in folds]
    return float(np.mean(aucs))


def test_the_published_score_under_the_papers_protocol(shared_data: Path) -> None:
    """The paper reports 0.9626. Counting associations does no worse under this protocol."""
    auc = published(PAPER, shared_data)
    assert auc == pytest.approx(0.962, abs=0.01)
    assert counting(PAPER, shared_data) > auc - 0.01


def test_the_same_model_ranked_against_pairs_that_could_be_real(shared_data: Path) -> None:
    """Measured 0.798, sd 0.005 over 5 seeds; counting associations scores 0.811, sd 0.003."""
    auc = published(HONEST, shared_data)
    assert auc == pytest.approx(0.80, abs=0.02)
    assert counting(HONEST, shared_data) > auc
