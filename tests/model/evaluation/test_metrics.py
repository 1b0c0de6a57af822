"""Metrics agree with scikit-learn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from model.evaluation.metrics import METRICS, fold_metrics, ranking_metrics
from model.evaluation.ranked import Balance

# A coarse grid of scores, so that ties are common.
scores = st.lists(st.integers(0, 20), min_size=1, max_size=40).map(lambda xs: np.array(xs) / 20)


@given(held_out=scores, unknown=scores, balance=st.sampled_from(["1:1", "as is"]))
@settings(max_examples=300, deadline=None)
def test_agree_with_scikit_learn(
    held_out: np.ndarray, unknown: np.ndarray, balance: Balance
) -> None:
    measured = ranking_metrics(held_out, unknown, balance=balance)
    labels = np.repeat([1, 0], [len(held_out), len(unknown)])
    values = np.concatenate((held_out, unknown))
    predicted = values >= 0.5
    # One to one: each class has the same weight. As is: each pair has.
    weight = np.where(labels == 1, 1 / len(held_out), 1 / len(unknown))
    if balance == "as is":
        weight = np.ones(len(labels))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        labels, predicted, average="binary", sample_weight=weight, zero_division=0
    )
    expected = {
        "auc": sk.roc_auc_score(labels, values),
        "ap": sk.average_precision_score(labels, values, sample_weight=weight),
        "acc": sk.accuracy_score(labels, predicted, sample_weight=weight),
        "pre": precision,
        "sen": recall,
        "spe": sk.recall_score(~labels.astype(bool), ~predicted, zero_division=0),
        "f1": f1,
        "mcc": sk.matthews_corrcoef(labels, predicted, sample_weight=weight),
    }
    assert measured == pytest.approx(expected, abs=1e-9)


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


def test_a_diverged_model_has_no_score() -> None:
    measured = ranking_metrics(np.array([0.9, math.nan]), np.array([0.1]))
    assert all(math.isnan(value) for value in measured.values())


def test_the_published_threshold_is_another() -> None:
    held_out, unknown = np.array([0.55, 0.7]), np.array([0.1, 0.6])
    assert ranking_metrics(held_out, unknown, threshold=0.5)["sen"] == 1.0
    assert ranking_metrics(held_out, unknown, threshold=0.622)["sen"] == 0.5


@given(
    sizes=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 30)), min_size=1, max_size=4),
    seed=st.integers(0, 10**6),
    decimals=st.integers(1, 6),
    balance=st.sampled_from(["1:1", "as is"]),
)
def test_folds_at_once_are_each_on_its_own(
    sizes: list[tuple[int, int]], seed: int, decimals: int, balance: Balance
) -> None:
    """Few decimals make ties; scores of 0 and 1 are the ends."""
    rng = np.random.default_rng(seed)
    sides = [[rng.random(n).round(decimals) for n in side] for side in zip(*sizes, strict=True)]
    tensors = [[torch.as_tensor(scores) for scores in side] for side in sides]
    found = fold_metrics(*tensors, threshold=0.5, balance=balance)
    for one, held_out, unknown in zip(found, *sides, strict=True):
        expected = ranking_metrics(held_out, unknown, threshold=0.5, balance=balance)
        assert one == pytest.approx(expected, abs=1e-9)


def test_a_diverged_fold_leaves_the_others_alone() -> None:
    held_out = [torch.tensor([0.9, 0.2]), torch.tensor([0.9, torch.nan])]
    unknown = [torch.tensor([0.1, 0.5, 0.3])] * 2
    whole, diverged = fold_metrics(held_out, unknown, threshold=0.5)
    expected = ranking_metrics(held_out[0].numpy(), unknown[0].numpy())
    assert whole == pytest.approx(expected, abs=1e-6)
    assert all(np.isnan(value) for value in diverged.values())
