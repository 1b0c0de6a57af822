"""What weighting at 1:1 means, and the threshold; that each metric is right: tests/contracts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from model.evaluation.metrics import METRICS, ranking_metrics

# A coarse grid of scores, so that ties are common.
scores = st.lists(st.integers(0, 20), min_size=1, max_size=40).map(lambda xs: np.array(xs) / 20)


@given(held_out=scores)
@settings(max_examples=100, deadline=None)
def test_one_to_one_needs_no_weights(held_out: np.ndarray) -> None:
    """Where the classes are of one size, the figures are scikit-learn's plain ones."""
    unknown = 1 - held_out**2
    measured = ranking_metrics(held_out, unknown)
    labels = np.repeat([1, 0], len(held_out))
    values = np.concatenate((held_out, unknown))
    assert measured["ap"] == pytest.approx(sk.average_precision_score(labels, values))
    assert measured["mcc"] == pytest.approx(sk.matthews_corrcoef(labels, values >= 0.5))
    assert measured["acc"] == pytest.approx(sk.accuracy_score(labels, values >= 0.5))


def test_average_precision_is_that_of_repeated_draws() -> None:
    """At 1:1 means: what drawing as many unknown pairs as associations gives on average."""
    rng = np.random.default_rng(0)
    held_out, unknown = rng.normal(1.0, 1, 120), rng.normal(0.0, 1, 10_000)
    labels = np.repeat([1, 0], 120)
    drawn = [
        sk.average_precision_score(
            labels, np.concatenate((held_out, rng.choice(unknown, 120, replace=False)))
        )
        for _ in range(400)
    ]
    # 0.027 is the sd of one draw here, 0.0014 that of the mean of 400.
    assert ranking_metrics(held_out, unknown, threshold=None)["ap"] == pytest.approx(
        np.mean(drawn), abs=0.005
    )


def test_scores_that_are_no_probabilities_have_no_threshold() -> None:
    measured = ranking_metrics(np.array([3.0, 9.0]), np.array([1.0, 4.0]), threshold=None)
    assert measured["auc"] == 0.75
    assert all(math.isnan(measured[name]) for name in list(METRICS)[2:])


def test_the_published_threshold_is_another() -> None:
    held_out, unknown = np.array([0.55, 0.7]), np.array([0.1, 0.6])
    assert ranking_metrics(held_out, unknown, threshold=0.5)["sen"] == 1.0
    assert ranking_metrics(held_out, unknown, threshold=0.622)["sen"] == 0.5
