"""The optimism of a search, its error and its control: made-up scores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tuning.confirm.optimism import Optimism, optimism
from tuning.registry.verdict import Measured

R, K = 5, 5


def made(name: str, known: float | None, splits: np.ndarray, kind: str = "trial") -> Measured:
    """Scores whose mean over the folds of each split is as given."""
    within = np.linspace(-0.01, 0.01, K)
    score = (splits[:, None] + within).ravel()
    return Measured(name, kind, score, score, 1.0, known)  # type: ignore[arg-type]


def test_by_hand() -> None:
    splits = np.array([0.80, 0.82, 0.81, 0.79, 0.83])  # mean 0.81, sd sqrt(0.00025)
    ridge = made("ridge", 0.76, splits - 0.06, "baseline")
    degree = made("degree", 0.72, splits - 0.10, "baseline")
    found = optimism(made("a", 0.84, splits), [ridge, degree], R)
    assert found is not None
    assert found.winner.value == pytest.approx(0.03)
    assert found.winner.standard_error == pytest.approx(np.sqrt(0.00025 * (1 + 1 / R)))
    assert found.baselines is not None
    assert found.baselines.value == pytest.approx(0.01)
    # The splits' luck is the same for all of them: nothing of it is left in the difference.
    assert found.beyond is not None
    assert found.beyond.value == pytest.approx(0.02)
    assert found.beyond.standard_error == pytest.approx(0, abs=1e-12)


def test_without_what_it_takes() -> None:
    splits = np.full(R, 0.8)
    winner = made("a", 0.84, splits)
    nan = dataclasses.replace(winner, score=np.full(R * K, np.nan))
    assert optimism(nan, [], R) is None
    unknown = made("ridge", None, splits, "baseline")
    assert optimism(winner, [unknown], R) == Optimism(
        dataclasses.replace(found(winner).winner), None, None
    )
    one = made("a", 0.84, np.array([0.8]))
    assert found(one, splits=1).winner.standard_error is None


def found(winner: Measured, splits: int = R) -> Optimism:
    made = optimism(winner, [], splits)
    assert made is not None
    return made


def test_the_error_covers_zero_where_there_is_no_optimism() -> None:
    """The development folds as one more split like the others."""
    rng = np.random.default_rng(0)
    within = 0
    for _ in range(2000):
        means = 0.8 + rng.normal(0, 0.01, R + 1)
        shift = found(made("a", float(means[0]), means[1:])).winner
        assert shift.standard_error is not None
        within += abs(shift.value) < 2.776 * shift.standard_error  # Student's t, 4 degrees
    assert within / 2000 == pytest.approx(0.95, abs=0.02)
