"""Who may be champion: made-up tags of two versions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tuning.registry.champion import fold_tags, may_be_champion

TAGS = {"data_hash": "x", "protocol": "honest", "fresh_auc": "0.8", "fresh_auc_se": "0.01"}
UNCONFIRMED = {"data_hash": "x", "protocol": "honest"}
COMMAND = "mmatune promote a-study --across"


def with_folds(score: np.ndarray, seed: int = 0) -> dict[str, str]:
    own = {"fresh_auc": repr(float(score.mean())), "fresh_auc_se": "0.01"}
    return TAGS | own | fold_tags("auc", score, 0.25, seed)


def test_the_first_the_same_and_one_that_was_never_confirmed() -> None:
    assert may_be_champion(2, TAGS, None, {}, (), COMMAND)[0]
    assert may_be_champion(2, TAGS, 2, TAGS, (), COMMAND)[0]
    moves, reason = may_be_champion(2, TAGS, 1, UNCONFIRMED, (), COMMAND)
    assert moves
    assert "never measured on fresh splits" in reason


@pytest.mark.parametrize("present", [(None, {}), (1, UNCONFIRMED), (1, TAGS), (2, TAGS)])
@pytest.mark.parametrize("across", [None, COMMAND])
def test_never_one_that_a_baseline_beats_in_the_mean(
    present: tuple[int | None, dict[str, str]], across: str | None
) -> None:
    moves, reason = may_be_champion(2, TAGS, *present, ("ridge",), across)
    assert not moves
    assert reason.startswith("a baseline is ahead (ridge): ")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"data_hash": "y"}, "other data"),
        ({"protocol": "paper"}, "protocol 'paper'"),
        ({"metric": "ap"}, "chosen by its AP"),
    ],
)
@pytest.mark.parametrize("fresh", ["0.1", "0.99"])
def test_across_data_protocols_and_metrics_only_if_asked(
    other: dict[str, str], said: str, fresh: str
) -> None:
    """Whatever the scores are, and also where the champion was never confirmed."""
    for present in (TAGS, UNCONFIRMED):
        moves, reason = may_be_champion(
            2, TAGS | {"fresh_auc": fresh}, 1, present | other, (), COMMAND
        )
        assert not moves
        assert said in reason
        assert f"`{COMMAND}`" in reason
        assert "0.8" not in reason
        moves, reason = may_be_champion(2, TAGS | {"fresh_auc": fresh}, 1, present | other, ())
        assert moves
        assert said in reason


def test_on_other_folds_it_takes_two_standard_errors() -> None:
    """1.96 * sqrt(2) * 0.01 is 0.0277."""
    for old, moves in (("0.75", True), ("0.78", False)):
        found, reason = may_be_champion(2, TAGS, 1, TAGS | {"fresh_auc": old}, (), COMMAND)
        assert found == moves
        assert "other folds, noise 0.0277" in reason


def test_on_the_same_folds_a_steady_small_gain_is_enough() -> None:
    """0.005 on every fold is far within two standard errors, and far beyond paired noise."""
    rng = np.random.default_rng(0)
    old = 0.8 + rng.normal(0, 0.02, 25)
    better = old + 0.005 + rng.normal(0, 0.001, 25)
    moves, reason = may_be_champion(2, with_folds(better), 1, with_folds(old), (), COMMAND)
    assert moves
    assert "+0.005" in reason
    assert "on the same 25 folds (paired" in reason
    assert not may_be_champion(2, with_folds(old), 1, with_folds(better), (), COMMAND)[0]
    noisy = old + 0.005 + rng.normal(0, 0.05, 25)
    assert not may_be_champion(2, with_folds(noisy), 1, with_folds(old), (), COMMAND)[0]
    # Another seed deals out other folds, which cannot be paired.
    moves, reason = may_be_champion(2, with_folds(better, seed=1), 1, with_folds(old), (), COMMAND)
    assert not moves
    assert "other folds" in reason


def test_of_more_and_fewer_splits_the_shared_folds_are_compared() -> None:
    rng = np.random.default_rng(1)
    old = 0.8 + rng.normal(0, 0.02, 25)
    few = old[:10] + 0.005
    assert len(json.loads(with_folds(few)["fresh_auc_folds"])) == 10
    moves, reason = may_be_champion(2, with_folds(few), 1, with_folds(old), (), COMMAND)
    assert moves
    assert "the same 10 folds" in reason
