"""What 1:1 means, the threshold, ties and nodes; that each metric is right: tests/contracts."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from model.data.kinds import ANY_KINDS, in_words_of
from model.evaluation.metrics.ranked_pairs import RankedPairs
from model.evaluation.metrics.table import METRICS, fold_metrics, ranking_metrics
from model.evaluation.metrics.top_of_list import expected_hits

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
    needs_threshold = {name for name, metric in METRICS.items() if metric.needs_threshold}
    assert {"acc", "mcc"} <= needs_threshold
    assert all(math.isnan(measured[name]) for name in needs_threshold)


def test_the_published_threshold_is_another() -> None:
    held_out, unknown = np.array([0.55, 0.7]), np.array([0.1, 0.6])
    assert ranking_metrics(held_out, unknown, threshold=0.5)["sen"] == 1.0
    assert ranking_metrics(held_out, unknown, threshold=0.622)["sen"] == 0.5


def test_a_cut_within_a_tie_counts_the_expected_number() -> None:
    """Two of three held-out ones tie with a third pair for the last two places of the list."""
    held_out, unknown = np.array([0.9, 0.5, 0.5]), np.array([0.5, 0.1])
    drawn = [
        np.isin(np.random.default_rng(seed).permutation(3)[:2], [0, 1]).sum() for seed in range(999)
    ]
    assert expected_hits(held_out, unknown, 3) == pytest.approx(1 + 4 / 3)
    assert np.mean(drawn) == pytest.approx(4 / 3, abs=0.05)
    assert expected_hits(held_out, unknown, 99) == 3


# Two miRNAs (0, 1) and three small molecules (2, 3, 4).
HELD_OUT = np.array([[0, 0, 1], [2, 3, 2]])
UNKNOWN = np.array([[0, 1, 1], [4, 3, 4]])


def test_a_node_ranks_its_own_pairs() -> None:
    """What scores high at one miRNA does not stand above what scores high at another."""
    measured = ranking_metrics(
        np.array([0.9, 0.8, 0.2]), np.array([0.7, 0.1, 0.0]), pairs=(HELD_OUT, UNKNOWN)
    )
    assert measured["auc_by_row"] == 1
    assert measured["auc"] == pytest.approx(8 / 9)
    # Only the second small molecule has pairs of both kinds: 0.8 at miRNA 0, and 0.1 at miRNA 1.
    assert measured["auc_by_column"] == 1


def test_a_pair_of_one_side_is_that_of_its_lower_node_and_of_its_higher_one() -> None:
    """Under `paper` two miRNAs may be a pair: it is of one row, and of no column that counts."""
    pairs = (np.array([[0], [2]]), np.array([[0, 2], [1, 3]]))
    measured = ranking_metrics(np.array([0.5]), np.array([0.6, 0.1]), pairs=pairs)
    assert measured["auc_by_row"] == 0
    assert math.isnan(measured["auc_by_column"])


def test_a_fold_whose_nodes_have_pairs_of_one_kind_only_has_no_mean_over_them() -> None:
    """In a case study of a miRNA each small molecule has one pair; other folds are not harmed."""
    of_one = (np.array([[0, 0], [2, 3]]), np.array([[0], [4]]))
    scores = [torch.tensor([0.9, 0.8, 0.2]).double(), torch.tensor([0.9, 0.8]).double()]
    others = [torch.tensor([0.7, 0.1, 0.0]).double(), torch.tensor([0.85]).double()]
    pairs = RankedPairs([HELD_OUT, of_one[0]], [UNKNOWN, of_one[1]])
    both, alone = fold_metrics(scores, others, pairs=pairs)
    assert both["auc_by_column"] == 1
    assert math.isnan(alone["auc_by_column"])
    assert alone["auc_by_row"] == 0.5


def test_the_page_lists_the_table() -> None:
    """With what each metric means, word for word, and whether a study can maximise it."""
    page = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{name}` | {in_words_of(metric.label, ANY_KINDS)} | {metric.meaning} |"
        for needed in (False, True)
        for name, metric in METRICS.items()
        if metric.needs_threshold is needed
    ]
