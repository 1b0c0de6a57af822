"""Calibrated probabilities hold on new data, keep the order, and see nothing sealed."""

import numpy as np
import pytest
from scipy.special import expit

from model.data.datasets import AssociationDataset
from model.evaluation.calibration import FoldScores, calibrate, measure, standardised
from model.evaluation.protocols import HONEST, development_folds, development_pairs
from model.training.final import final_model, final_probabilities
from tests.model.options import configuration


def folds(rng: np.random.Generator, count: int, slope: float) -> list[FoldScores]:
    """Pairs whose chance to be an association is expit(slope * z - 4)."""
    made = []
    for _ in range(count):
        z = rng.normal(size=20_000)
        hit = rng.uniform(size=len(z)) < expit(slope * z - 4)
        made.append(FoldScores(z[hit], z[~hit]))
    return made


def test_the_map_finds_the_chances_that_scores_were_drawn_with() -> None:
    calibration = calibrate(folds(np.random.default_rng(0), 5, slope=1.5))
    assert calibration.slope == pytest.approx(1.5, abs=0.1)
    assert calibration.intercept == pytest.approx(-4, abs=0.15)
    reliability = calibration.reliability
    assert reliability is not None
    assert reliability.brier < reliability.brier_constant
    assert reliability.log_loss < reliability.log_loss_constant
    assert reliability.expected_error < 0.004
    inside = [one.observed_low <= one.predicted <= one.observed_high for one in reliability.bins]
    assert sum(inside) >= 8


@pytest.mark.heavy
def test_reliability_is_measured_on_folds_the_map_did_not_see() -> None:
    """One fold of another kind: its own map would hide that, the others' does not."""
    rng = np.random.default_rng(0)
    alike = folds(rng, 4, slope=1.5)
    reliability = calibrate([*alike, *folds(rng, 1, slope=-1.5)]).reliability
    usual = calibrate([*alike, *folds(rng, 1, slope=1.5)]).reliability
    assert reliability is not None
    assert usual is not None
    assert reliability.expected_error > 2 * usual.expected_error


def test_wrong_probabilities_show() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.uniform(0, 0.2, 50_000)
    labels = (rng.uniform(size=len(predicted)) < predicted).astype(int)
    assert measure(predicted, labels).expected_error < 0.01
    assert measure(predicted * 3, labels).expected_error > 0.15
    right = measure(predicted, labels)
    assert right.base_rate == pytest.approx(0.1, abs=0.01)
    assert sum(one.pairs for one in right.bins) == len(labels)
    assert sum(one.associations for one in right.bins) == labels.sum()


@pytest.mark.heavy
def test_probabilities_keep_the_order_of_the_final_models_scores(
    tiny: AssociationDataset,
) -> None:
    config = configuration(**{"training.epochs": 20})
    dev_folds = development_folds(tiny, HONEST, 0)
    pairs = development_pairs(tiny, HONEST, 0)
    final = final_model(config, tiny, dev_folds, pairs, seed=0)
    probability, calibration = final.probability, final.calibration
    raw = final_probabilities(config, tiny, pairs, seed=0)
    assert np.array_equal(np.argsort(probability, axis=None), np.argsort(raw, axis=None))
    assert ((probability > 0) & (probability < 1)).all()
    unknown = tiny.associations == 0
    expected = expit(calibration.slope * standardised(raw, unknown) + calibration.intercept)
    assert np.allclose(probability, expected)


def test_a_single_fold_leaves_nothing_to_check_on() -> None:
    assert calibrate(folds(np.random.default_rng(0), 1, slope=1.0)).reliability is None


def test_a_ranking_that_is_upside_down_is_not_turned_round() -> None:
    assert calibrate(folds(np.random.default_rng(0), 3, slope=-1.0)).slope > 0
