"""How many epochs a configuration is trained for: read off the curve of its development score.

Training knows nothing of how long it will go on, so the score at a reported epoch is that of a
training of so many epochs, bit for bit. Any reported epoch may be chosen, and none is searched for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WINDOW = 5  # reports


@dataclass(frozen=True)
class Choice:
    """The epoch that a curve is cut at, and the score there."""

    epoch: int
    score: float


def choose_epoch(curve: Mapping[int, float]) -> Choice | None:
    """Choose the epoch around which the curve is highest.

    The highest point of a noisy curve is high by luck as well, and the more so the more points
    there are. So the points are compared by the mean of their window, `WINDOW` reports with the
    point in the middle and fewer at the ends. The score is the value at the chosen epoch and
    neither the mean nor the maximum: it is what a training of so many epochs scores. Among equal
    windows the last one is chosen: a curve of up to three reports, whose windows are all the whole
    of it, is cut at its end.

    The choice at an epoch reads no report after it, and reports to come may move it. A score that
    is not finite counts as no report, so a curve that diverges keeps what was chosen before.

    Args:
        curve: score by reported epoch, the higher the better.

    Returns:
        None where no score is finite.
    """
    reports = _finite(curve)
    return Choice(*reports[_highest(reports, len(reports))]) if reports else None


def may_be_chosen(curve: Mapping[int, float]) -> set[int]:
    """The epochs that `choose_epoch` may choose, now or once the curve has gone on.

    They are those of the last reports, whose windows are not full yet, and the best of all before.
    """
    reports = _finite(curve)
    full = max(0, len(reports) - WINDOW // 2)
    best = [_highest(reports, full)] if full else []
    return {reports[place][0] for place in (*best, *range(full, len(reports)))}


def _finite(curve: Mapping[int, float]) -> list[tuple[int, float]]:
    return [(epoch, score) for epoch, score in sorted(curve.items()) if math.isfinite(score)]


def _highest(reports: Sequence[tuple[int, float]], places: int) -> int:
    """Which of the first so many reports has the highest window; the last one of those alike."""
    half = WINDOW // 2

    def level(place: int) -> float:
        around = [score for _, score in reports[max(0, place - half) : place + half + 1]]
        return math.fsum(around) / len(around)

    return max(range(places), key=lambda place: (level(place), place))
