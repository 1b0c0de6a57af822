"""Calibrated probabilities hold on new data, keep the order, and see nothing sealed."""

import numpy as np
import pytest
from scipy.special import expit

from model.data.datasets import AssociationDataset
from model.evaluation.calibration import FoldScores, calibrate, measure, standardised
from model.evaluation.fresh_splits import DevelopmentPart, development_part
from model.evaluation.protocols import HONEST, development_folds, development_pairs
from model.training.final import final_model, final_probabilities, refit, to_hand_out
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
    part = development_part(tiny, HONEST, 0)
    final = final_model(config, part, dev_folds, pairs, seed=0)
    probability, calibration = final.probability, final.calibration
    raw = final_probabilities(to_hand_out(config), tiny, pairs, seed=0)
    assert np.array_equal(np.argsort(probability, axis=None), np.argsort(raw, axis=None))
    assert ((probability > 0) & (probability < 1)).all()
    unknown = part.dataset.associations == 0
    expected = expit(calibration.slope * standardised(raw, unknown) + calibration.intercept)
    assert np.allclose(probability, expected)


def test_a_single_fold_leaves_nothing_to_check_on() -> None:
    assert calibrate(folds(np.random.default_rng(0), 1, slope=1.0)).reliability is None


def test_a_ranking_that_is_upside_down_is_not_turned_round() -> None:
    assert calibrate(folds(np.random.default_rng(0), 3, slope=-1.0)).slope > 0


def test_sealed_associations_are_no_negatives() -> None:
    """A model that finds them: taken for negatives, they make its best pairs look worse."""
    rng = np.random.default_rng(0)
    shape = (200, 100)
    truth = rng.normal(size=shape)
    associated = rng.uniform(size=shape) < expit(1.5 * truth - 4)
    sealed = associated & (rng.uniform(size=shape) < 0.3)
    probability = expit(truth)
    made = {}
    for name, never_ranked in (("left out", sealed), ("negatives", np.zeros_like(sealed))):
        scores = []
        for k in range(3):
            held_out = associated & ~sealed & (rng.integers(3, size=shape) == k)
            unknown = ~associated | sealed
            scores.append(FoldScores.of(probability, held_out, unknown, never_ranked))
            if name == "left out":
                assert len(scores[-1].unknown) == (~associated).sum()
        made[name] = calibrate(scores)
    best = np.array([[3.0]])
    high, low = (expit(one.slope * best + one.intercept).item() for one in made.values())
    assert high > 1.1 * low


@pytest.mark.heavy
def test_the_final_models_calibration_leaves_sealed_associations_out(
    tiny: AssociationDataset,
) -> None:
    """The base rate counts them neither as associations nor as others."""
    config = configuration(**{"training.epochs": 2})
    dev_folds = development_folds(tiny, HONEST, 0)
    pairs = development_pairs(tiny, HONEST, 0)
    part = development_part(tiny, HONEST, 0)
    assert len(part.never_ranked) > 0
    calibration = final_model(config, part, dev_folds, pairs, seed=0).calibration
    others = int((tiny.associations == 0).sum())
    expected = len(pairs) / (len(pairs) + len(dev_folds) * others)
    assert calibration.base_rate == pytest.approx(expected)
    reliability = calibration.reliability
    assert reliability is not None
    assert sum(one.pairs for one in reliability.bins) == len(pairs) + len(dev_folds) * others


def test_what_is_handed_out_is_the_mean_of_several_models(tiny: AssociationDataset) -> None:
    config = configuration(**{"training.epochs": 3})
    part = DevelopmentPart(tiny, np.empty((0, 2), dtype=int))
    dev_folds = development_folds(tiny, HONEST, 0)
    final = final_model(config, part, dev_folds, tiny.association_pairs, seed=0)
    assert final.config.training.seeds == 3
    assert {len(value) for value in final.state.values() if value.ndim} == {3}
    larger = configuration(**{"training.seeds": 5})
    assert to_hand_out(larger) == larger


def test_the_refit_is_the_same_trained_on_everything(tiny: AssociationDataset) -> None:
    config = configuration(**{"training.epochs": 3})
    part = development_part(tiny, HONEST, 0)
    pairs = development_pairs(tiny, HONEST, 0)
    measured = final_model(config, part, development_folds(tiny, HONEST, 0), pairs, seed=4)
    made = refit(measured, tiny)
    assert np.array_equal(made.train_pairs, tiny.association_pairs)
    assert len(made.train_pairs) > len(measured.train_pairs)
    assert (made.config, made.seed) == (measured.config, 4)
    assert made.calibration is measured.calibration
    raw = final_probabilities(made.config, tiny, tiny.association_pairs, seed=4)
    unknown = tiny.associations == 0
    assert np.array_equal(made.probability, made.calibration.probabilities(raw, unknown))
