"""The statistics of a confirmation, against hand computation and against simulated truth."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from model.evaluation.metrics.interface import Metric
from model.evaluation.metrics.table import METRICS, ranking_metrics
from model.evaluation.statistics import (
    _auc_and_ap,
    bootstrap,
    corrected_resampled_t_test,
    corrected_standard_error,
    holm,
    interval,
)


def test_the_corrected_test_by_hand() -> None:
    # Mean 0.02, variance 0.0002 / 3; (1/4 + 1/4) times it is 1/30000, its root 0.0057735.
    tested = corrected_resampled_t_test(np.array([0.01, 0.02, 0.03, 0.02]), 0.25)
    assert tested.difference == pytest.approx(0.02)
    assert tested.standard_error == pytest.approx(0.00577350)
    # Student's t with 3 degrees of freedom has a closed form.
    t = 0.02 / 0.00577350
    one_sided = 0.5 - (np.arctan(t / 3**0.5) + (t / 3**0.5) / (1 + t * t / 3)) / np.pi
    assert tested.p_value == pytest.approx(2 * one_sided, rel=1e-5)


def test_without_correction_it_is_the_paired_t_test() -> None:
    differences = np.random.default_rng(0).normal(0.1, 1, 20)
    p_value = corrected_resampled_t_test(differences, 0.0).p_value
    assert p_value == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


def test_differences_without_spread() -> None:
    assert corrected_resampled_t_test(np.zeros(5), 0.25).p_value == 1
    assert corrected_resampled_t_test(np.full(4, 0.5), 0.25).p_value == 0
    with pytest.raises(ValueError, match="at least two"):
        corrected_standard_error(np.array([0.5]), 0.25)


def test_holm_by_hand() -> None:
    # Sorted: .01 x 4, .02 x 3, .03 x 2 (kept at least .06), .5 x 1.
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def _cross_validated_differences(rng: np.random.Generator) -> np.ndarray:
    """(25,) of two learners that are equally good: y = a + b + noise, one sees a, the other b."""
    a, b = rng.normal(size=(2, 100))
    y = a + b + rng.normal(size=100)
    differences = []
    for _ in range(5):
        order = rng.permutation(100)
        for test in np.split(order, 5):
            train = np.delete(np.arange(100), test)
            errors = [
                np.mean((y[test] - x[test] * (x[train] @ y[train]) / (x[train] @ x[train])) ** 2)
                for x in (a, b)
            ]
            differences.append(errors[0] - errors[1])
    return np.array(differences)


def test_type_one_error_is_near_nominal_in_repeated_cross_validation() -> None:
    """Where the plain t-test on the same folds is wrong about every third time."""
    rng = np.random.default_rng(1)
    studies = [_cross_validated_differences(rng) for _ in range(300)]
    corrected = np.mean([corrected_resampled_t_test(d, 0.25).p_value < 0.05 for d in studies])
    plain = np.mean([corrected_resampled_t_test(d, 0.0).p_value < 0.05 for d in studies])
    assert 0.01 < corrected < 0.1  # binomial sd of 0.05 is 0.013
    assert plain > 0.25


def test_holm_keeps_the_family_wise_error() -> None:
    """Five candidates as good as the best: folds and comparisons correlated as in practice."""
    rng = np.random.default_rng(2)
    unadjusted, adjusted, found = [], [], []
    for _ in range(1500):
        # Between folds the correlation that the test assumes, n_test / (n_test + n_train) = 0.2.
        shared = rng.normal(size=(5, 1)) + rng.normal()
        folds = rng.normal(size=(5, 25)) + rng.normal(size=25)
        scores = np.sqrt(0.2) * shared + np.sqrt(0.8) * folds
        p = [corrected_resampled_t_test(row, 0.25).p_value for row in scores]
        unadjusted.append(min(p) < 0.05)
        adjusted.append(min(holm(p)) < 0.05)
        p[0] = corrected_resampled_t_test(scores[0] + 4, 0.25).p_value
        found.append(holm(p)[0] < 0.05)
    assert np.mean(unadjusted) > 0.09
    assert np.mean(adjusted) < 0.06
    assert np.mean(found) > 0.5  # and it is not merely blind


@pytest.mark.heavy
def test_the_bootstrap_covers_the_true_auc() -> None:
    rng = np.random.default_rng(3)
    truth = stats.norm.cdf(1 / 2**0.5)  # two normals of sd 1, one apart
    covered = []
    for seed in range(200):
        held_out, unknown = rng.normal(1, 1, 40), rng.normal(0, 1, 200)
        drawn = bootstrap(held_out, unknown, np.arange(40), resamples=200, seed=seed)["auc"]
        found = interval(0.5, drawn)
        covered.append(found.low < truth < found.high)
    assert 0.88 < np.mean(covered) < 0.99  # binomial sd of 0.95 is 0.015


def test_the_bootstrap_measures_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(5)
    labels, weights = rng.integers(2, size=50), rng.integers(1, 4, size=50)
    thresholds = np.arange(9, -1, -1)
    scores = rng.permutation(np.arange(50) % 10)  # ties within and between the classes
    true, false = (
        np.array([weights[(scores >= t) & (labels == label)].sum() for t in thresholds]) / 10
        for label in (1, 0)
    )
    assert _auc_and_ap(true, false) == pytest.approx(
        (
            roc_auc_score(labels, scores, sample_weight=weights),
            average_precision_score(labels, scores, sample_weight=weights),
        )
    )


@pytest.mark.parametrize("balance", ["1:1", "as is"])
def test_the_bootstrap_is_around_the_score(balance: str) -> None:
    rng = np.random.default_rng(4)
    held_out, unknown = rng.normal(1, 1, 30), rng.normal(0, 1, 300)
    point = ranking_metrics(held_out, unknown, balance=balance)
    alone = bootstrap(held_out, unknown, np.arange(30), balance=balance, resamples=300)
    assert list(alone) == ["auc", "ap"]
    for name, drawn in alone.items():
        found = interval(point[name], drawn)
        assert found.low < found.value < found.high
        assert found.high - found.low < 0.4
    # Ten copies of three associations are three pieces of evidence, not thirty.
    few = np.repeat(held_out[:3], 10), unknown
    twins, single = (
        bootstrap(*few, groups, resamples=300)["auc"].std()
        for groups in (np.repeat(range(3), 10), np.arange(30))
    )
    assert twins > 2 * single


def test_any_metric_of_the_table_is_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its plain definition; one that needs a threshold has no value without one."""
    rng = np.random.default_rng(6)
    held_out, unknown = rng.normal(1, 1, 30).round(1), rng.normal(0, 1, 300).round(1)
    pairs = np.zeros((2, 30)), np.zeros((2, 300))
    looks = Metric(
        meaning="",
        label="",
        plain=lambda fold: METRICS["auc"].plain(fold) + fold.pairs[0].shape[1],
        needs_pairs=True,
    )
    table = {**METRICS, "again": METRICS["ap"], "looks": looks}
    monkeypatch.setattr("model.evaluation.statistics.METRICS", table)
    names = ("auc", "ap", "again", "looks", "acc")
    drawn = bootstrap(held_out, unknown, np.arange(30), pairs=pairs, metrics=names, resamples=50)
    assert drawn.keys() == {"auc", "ap", "again", "looks"}
    assert drawn["again"] == pytest.approx(drawn["ap"])
    assert drawn["looks"] == pytest.approx(drawn["auc"] + 30)
    without = bootstrap(held_out, unknown, np.arange(30), metrics=names, resamples=1)
    assert "looks" not in without


def test_the_bootstrap_of_two_models_is_paired() -> None:
    """What is hard for both counts in neither's favour: the difference is far less uncertain."""
    rng = np.random.default_rng(7)
    held_out, unknown = rng.normal(1, 1, 60), rng.normal(0, 1, 300)
    better = held_out + 0.1 + rng.normal(0, 0.01, 60)
    first, second = (
        bootstrap(scores, unknown, np.arange(60), resamples=500)["auc"]
        for scores in (better, held_out)
    )
    assert (first - second).std() < 0.2 * np.hypot(first.std(), second.std())
    found = interval(0.0, first - second)
    assert found.low > 0
    # Against themselves there is nothing, in no resample.
    again = bootstrap(held_out, unknown, np.arange(60), resamples=500)["auc"]
    assert np.array_equal(second, again)


@pytest.mark.heavy
def test_the_paired_interval_covers_no_difference() -> None:
    """Two models that are equally good, and alike."""
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(200):
        held_out, unknown = rng.normal(1, 1, 40), rng.normal(0, 1, 200)
        drawn = [
            bootstrap(
                held_out + rng.normal(0, 0.5, 40),
                unknown + rng.normal(0, 0.5, 200),
                np.arange(40),
                resamples=200,
            )["auc"]
            for _ in range(2)
        ]
        found = interval(0.0, drawn[0] - drawn[1])
        covered.append(found.low < 0 < found.high)
    assert 0.88 < np.mean(covered) < 0.99  # binomial sd of 0.95 is 0.015
