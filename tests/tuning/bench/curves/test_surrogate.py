"""The surrogate: what it has learnt, what it cannot know, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tuning.bench.curves.recorded import RecordedCurves
from tuning.bench.curves.surrogate import Surrogate, as_reported, space_of

pytestmark = pytest.mark.heavy


def made_up(noise: float = 0.0, n: int = 200) -> RecordedCurves:
    """Curves that rise to what rate and kind say; a trial of kind b takes ten times as long."""
    rng = np.random.default_rng(0)
    points = tuple(
        {"rate": float(rate), "kind": str(kind), "lr": float(10**exponent)}
        for rate, kind, exponent in zip(
            rng.random(n), rng.choice(["a", "b"], n), rng.uniform(-4, -2, n), strict=True
        )
    )
    epochs = np.arange(10, 101, 10)
    level = np.array([point["rate"] + (point["kind"] == "a") for point in points])
    luck = noise * rng.normal(size=n)
    logit = (level + luck)[:, None, None] * np.linspace(0.5, 1, len(epochs))[None, :, None]
    auc = 1 / (1 + np.exp(-np.repeat(logit, 2, axis=2)))
    seconds = np.array([10.0 if point["kind"] == "b" else 1.0 for point in points])
    return RecordedCurves({}, points, epochs, auc, np.tile(seconds[:, None], (1, len(epochs))))


def test_reports_are_those_of_a_study_and_keep_their_seconds() -> None:
    curves = made_up()
    curves.auc[3, 5:] = np.nan
    seen = as_reported(curves)
    assert seen.epochs.tolist() == [20, 40, 60, 80, 100]
    assert seen.auc.shape == (200, 5, 2)
    assert (seen.auc[3, 2:] == 0.5).all()
    np.testing.assert_allclose(seen.auc[0], curves.auc[0, 1::2])
    np.testing.assert_allclose(seen.seconds.sum(axis=1), curves.seconds.sum(axis=1))


def test_a_space_is_read_off_its_points() -> None:
    space = space_of(made_up().points)
    rate, lr = space["rate"], space["lr"]
    assert isinstance(rate, FloatDistribution)
    assert isinstance(lr, FloatDistribution)
    assert (rate.log, lr.log) == (False, True)
    assert space["kind"] == CategoricalDistribution(["a", "b"])


def test_what_points_say_is_learnt_and_the_rest_is_luck() -> None:
    surrogate = Surrogate(as_reported(made_up(noise=0.1)))
    rng = np.random.default_rng(1)
    good, bad = {"rate": 0.9, "kind": "a", "lr": 1e-3}, {"rate": 0.1, "kind": "b", "lr": 1e-3}
    measured = surrogate.measure([good] * 50 + [bad] * 50, rng)
    last = measured.auc[:, -1].mean(axis=1)
    assert last[:50].mean() > last[50:].mean() + 0.2
    assert len({*last[:50].round(6)}) > 3  # the same point is not equally lucky twice
    # A tenth of the seconds, as the kind says.
    spent = measured.seconds.sum(axis=1)
    assert spent[:50].mean() == pytest.approx(10, rel=0.2)
    assert spent[50:].mean() == pytest.approx(100, rel=0.2)
    errors = surrogate.errors()
    assert errors["explained"] > 0.7
    assert errors["rank_correlation"] > 0.8


def test_random_points_score_as_the_recorded_ones() -> None:
    curves = as_reported(made_up(noise=0.3))
    drawn = Surrogate(curves).random(1000, np.random.default_rng(2)).auc[:, -1].mean(axis=1)
    recorded = curves.auc[:, -1].mean(axis=1)
    for part in (0.1, 0.5, 0.9):
        assert np.quantile(drawn, part) == pytest.approx(np.quantile(recorded, part), abs=0.02)


def test_of_noise_it_says_that_it_explains_nothing() -> None:
    curves = as_reported(made_up())
    mixed = np.random.default_rng(3).permutation(len(curves.points))
    errors = Surrogate(replace(curves, auc=curves.auc[mixed])).errors()
    assert errors["explained"] < 0.1
    assert abs(errors["rank_correlation"]) < 0.2
