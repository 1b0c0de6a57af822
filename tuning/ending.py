"""How a trial ended: the one place that reads it off Ray Tune's last result."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

# What a study maximises unless its plan says otherwise: the mean AUC over the development folds.
# It is also the metric of records that name none.
DEFAULT_METRIC = "auc"


class Ending(StrEnum):
    """The end of a trial, as every table, run and record calls it."""

    FINISHED = "finished"  # reached the longest budget with a finite score
    STOPPED = "stopped early"  # the scheduler gave up on it
    FAILED = "failed"  # an error, or a score that is not finite
    KILLED = "killed"  # the study ended first: interrupted or crashed


# Who ended so may win, by the score at the epoch that is chosen from its curve.
RANKED = (Ending.FINISHED, Ending.STOPPED)


def ending(
    result: Mapping[str, Any] | None, metric: str = DEFAULT_METRIC, *, error: bool = False
) -> Ending:
    """How a trial that is over has ended.

    Args:
        result: the last thing the trial reported, None if it never did.
        metric: the study's, whose score has to be finite.
        error: whether Ray Tune saw it raise or die.
    """
    if error:
        return Ending.FAILED
    if not result or metric not in result:
        return Ending.KILLED
    if not math.isfinite(result[metric]):
        return Ending.FAILED
    if result["full_budget"]:
        return Ending.FINISHED
    # Ray Tune marks the last result of a trial that its scheduler stopped. Any other trial that is
    # over before its budget was cut off with the study.
    return Ending.STOPPED if result.get("done") else Ending.KILLED
