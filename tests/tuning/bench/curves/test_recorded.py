"""Recorded curves: what is shipped can be read, and what is said of curves is what is in them."""

from pathlib import Path

import numpy as np
import pytest

from model.errors import InputError
from search_spaces.loading import load_space
from tuning.bench.curves.recorded import (
    RecordedCurves,
    bench_curves,
    read_curves,
    recordings,
    write_curves,
)


@pytest.mark.parametrize("name", recordings())
def test_shipped_curves_are_whole_and_of_points_of_the_default_space(name: str) -> None:
    curves = read_curves(name)
    count = len(curves.points)
    assert curves.auc.shape[:2] == (count, len(curves.epochs)) == curves.seconds.shape
    assert count >= 60
    assert ((curves.auc > 0) & (curves.auc < 1)).all()
    assert (curves.seconds > 0).all()
    assert (np.diff(curves.epochs) > 0).all()
    space = load_space("full")
    for point in curves.points:
        values = space.settings(point)
        assert all(space.search[key].contains(value, values) for key, value in point.items())
        space.configuration({**point, "training.epochs": int(curves.epochs[-1])})


def made_up(n: int = 80) -> RecordedCurves:
    """Curves that rise to what the rate says, the later the higher; fold k is k / 100 higher."""
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.1, 0.9, n)
    epochs = np.arange(10, 201, 10)
    mean = 0.5 + 0.4 * rates[:, None] * epochs / 200
    auc = mean[:, :, None] + np.array([-0.01, 0.0, 0.01])
    points = tuple({"mask.rate": float(rate), "layers": int(rng.integers(1, 3))} for rate in rates)
    return RecordedCurves({"data": "made up"}, points, epochs, auc, np.ones(mean.shape))


@pytest.mark.heavy
def test_what_is_said_of_curves_is_what_is_in_them() -> None:
    curves = made_up()
    said = bench_curves(curves)
    figures = {figure["name"]: figure for figure in said["figures"]}
    best = 0.5 + 0.4 * np.array([point["mask.rate"] for point in curves.points])
    assert figures["best of a curve"]["median"] == pytest.approx(np.median(best))
    assert figures["best of 64 random points"]["max"] == pytest.approx(best.max())
    assert figures["epoch of the best"]["median"] == 200
    for name, ratio in said["ratios"].items():
        assert ratio > (0.95 if "surrogate" in name else 0.9999), name
    assert said["recorded"] == {"data": "made up"}


@pytest.mark.heavy
def test_a_surrogate_of_noise_explains_nothing() -> None:
    """Its predictions are of points that it was not fitted to."""
    curves = made_up()
    rng = np.random.default_rng(1)
    shuffled = RecordedCurves(
        curves.about,
        curves.points,
        curves.epochs,
        curves.auc[rng.permutation(len(curves.auc))],
        curves.seconds,
    )
    assert bench_curves(shuffled)["ratios"]["variance that the surrogate explains"] < 0.1


def test_curves_come_back(tmp_path: Path) -> None:
    curves = made_up()
    write_curves(curves, tmp_path / "mine.npz")
    again = read_curves("mine", tmp_path)
    assert (again.about, again.points) == (curves.about, curves.points)
    np.testing.assert_allclose(again.auc, curves.auc, atol=6e-6)
    assert (again.epochs == curves.epochs).all()
    with pytest.raises(InputError, match="'other'") as raised:
        read_curves("other", tmp_path)
    assert raised.value.hint == "one of mine"
