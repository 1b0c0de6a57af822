"""How a trial ended is read off its last result."""

import math

import pytest

from tuning.ending import Ending, ending


@pytest.mark.parametrize(
    ("result", "error", "expected"),
    [
        ({"auc": 0.8, "full_budget": True}, False, Ending.FINISHED),
        ({"auc": 0.8, "full_budget": True, "done": True}, False, Ending.FINISHED),
        ({"auc": 0.8, "full_budget": False, "done": True}, False, Ending.STOPPED),
        ({"auc": 0.8, "full_budget": False, "done": False}, False, Ending.KILLED),
        ({"auc": math.nan, "full_budget": True}, False, Ending.FAILED),
        ({"auc": 0.8, "full_budget": False}, True, Ending.FAILED),
        (None, False, Ending.KILLED),
        ({}, False, Ending.KILLED),
        (None, True, Ending.FAILED),
    ],
)
def test_ending(result: dict | None, error: bool, expected: Ending) -> None:
    assert ending(result, error=error) is expected


def test_the_study_s_metric_decides() -> None:
    result = {"auc": math.nan, "ap": 0.5, "full_budget": True}
    assert ending(result, "ap") is Ending.FINISHED
    assert ending(result) is Ending.FAILED
    assert ending({"auc": 0.5, "full_budget": True}, "ap") is Ending.KILLED
