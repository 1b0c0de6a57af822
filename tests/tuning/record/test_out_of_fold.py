"""What a trial scored out of fold: kept for the epochs that may be chosen, and read again."""

import math
from pathlib import Path

import numpy as np
import pytest

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from model.training.cross_validation import CrossValidation
from tests.model.options import configuration
from tuning.record import out_of_fold as module
from tuning.record.out_of_fold import OutOfFoldScores, can_keep


def scores(epoch: int) -> list[np.ndarray]:
    return [np.full(3, epoch, dtype=np.float32), np.full(5, -epoch, dtype=np.float32)]


def filled(*curve: float) -> OutOfFoldScores:
    kept = OutOfFoldScores()
    for number, score in enumerate(curve, start=1):
        kept.add(10 * number, score, scores(10 * number))
    return kept


def kept_epochs(kept: OutOfFoldScores) -> list[int]:
    return [epoch for epoch in range(10, 200, 10) if kept.at(epoch) is not None]


def test_the_best_and_the_last_are_kept() -> None:
    kept = filled(0.5, 0.6, 0.9, 0.9, 0.9, 0.6, 0.5, math.nan, 0.4)
    assert kept_epochs(kept) == [40, 70, 90]
    found = kept.at(40)
    assert found is not None
    assert [list(one) for one in found] == [[40] * 3, [-40] * 5]


def test_a_resumed_trial_goes_on_with_what_was_kept(tmp_path: Path) -> None:
    first, rest = [0.5, 0.6, 0.9, 0.9], [0.9, 0.6, 0.5, 0.4]
    filled(*first).save(tmp_path)
    resumed = OutOfFoldScores.load(tmp_path)
    for number, score in enumerate(rest, start=5):
        resumed.add(10 * number, score, scores(10 * number))
    assert kept_epochs(resumed) == kept_epochs(filled(*first, *rest)) == [40, 70, 80]
    resumed.save(tmp_path, only=40)
    assert kept_epochs(OutOfFoldScores.load(tmp_path)) == [40]


def test_no_file_is_nothing_kept(tmp_path: Path) -> None:
    assert kept_epochs(OutOfFoldScores.load(tmp_path)) == []


def test_large_networks_keep_none(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = development_folds(demo(), HONEST, 0)
    assert can_keep(folds)
    total = sum(one.held_out.shape[1] + one.ranked_against.shape[1] for one in folds)
    monkeypatch.setattr(module, "MOST_SCORES", total - 1)
    assert not can_keep(folds)


def test_they_are_the_scores_that_the_metrics_are_of() -> None:
    """Another evaluation replaces them; each fold has its held-out associations first."""
    from model.evaluation.ensemble import evaluate

    folds = development_folds(demo(), HONEST, 0)[:2]
    config = configuration(**{"training.epochs": 4, "edge_decoder.dropout": 0.0})
    validation = CrossValidation(config, demo(), folds, seed=0, keep_scores=True)
    for _ in range(2):
        validation.train(2)
        measured = validation.evaluate().summary()
        found = validation.out_of_fold()
        assert [len(one) for one in found] == [
            one.held_out.shape[1] + one.ranked_against.shape[1] for one in folds
        ]
        again = evaluate(found, folds).summary()
        for metric in ("auc", "ap", "ndcg"):
            assert math.isclose(again[metric], measured[metric], abs_tol=1e-6)
