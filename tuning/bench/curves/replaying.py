"""A search on a simulated clock: trials are curves, places work side by side, nothing is trained.

All places are busy until the search ends, so its compute is its wall times their number. A trial
counts once, by the score that it ends with: a level that counted as reached at any of its reports
would be reached by the luck of many looks.

Shape legend: N points, E reported epochs, K folds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import numpy as np

from model.evaluation.epoch_choice import WINDOW


@dataclass(frozen=True)
class Rule:
    """When a trial may be stopped.

    Args:
        rungs: epochs at which trials are compared.
        factor: of so many trials, a rung lets one go on.
        promote: a trial waits at the rung until it is among the best of it (Li et al. 2020), where
            otherwise it goes on if it is among the best of those that came before it.
        folds: trained until the first rung; the others only of trials that go on. None for all.
    """

    name: str
    rungs: tuple[int, ...] = ()
    factor: float = 3.0
    promote: bool = False
    folds: int | None = None


@dataclass
class Trial:
    """A simulated trial: what it will score, and what is known of it.

    Args:
        ask: what the chooser knows it by.
        auc: (E, K).
        seconds: (E,) for all folds.
        place: among the recorded points, None off the record.
    """

    ask: Any
    auc: np.ndarray
    seconds: np.ndarray
    place: int | None = None
    stage: int = -1
    known: np.ndarray = field(init=False)  # (E,) the mean over folds, as far as it was measured

    def __post_init__(self) -> None:
        self.known = np.full(len(self.auc), np.nan)

    def score(self, reports: int) -> float:
        """At the epoch that is chosen from the first so many reports."""
        return float(chosen_scores(self.known[None, :reports])[0])

    def chosen(self, reports: int) -> int:
        """Which of the first so many reports is chosen."""
        return int(chosen_reports(self.known[None, :reports])[0])


class Chooser(Protocol):
    """What chooses the points."""

    def ask(self) -> Trial | None:
        """The next trial, None when there are no more."""

    def report(self, trial: Trial, reports: range) -> None:
        """These reports of the trial have become known."""

    def tell(self, trial: Trial, reports: int) -> None:
        """The trial has ended, or waits, after so many reports."""


@dataclass(frozen=True)
class Replay:
    """How a search went.

    Args:
        compute: in seconds until the level, infinite if it was never reached.
        trials: that were begun.
        spent: compute in seconds until the search ended, for whatever reason.
        ended: every trial that has a score of all folds, with its reports.
    """

    compute: float
    trials: int
    spent: float
    ended: tuple[tuple[Trial, int], ...]


@dataclass(frozen=True)
class _Stage:
    """A part of a trial: up to a report, of some folds; a rung is at its end, or none."""

    begin: int  # reports before it
    end: int
    folds: int | None  # the first so many alone
    rung: int | None
    catches_up: bool = False  # the other folds, up to where the first ones are


def replay(
    chooser: Chooser,
    rule: Rule,
    epochs: Sequence[int],
    *,
    places: int,
    level: float,
    limit: float,
    most: float = math.inf,
) -> Replay:
    """Search until a trial has scored the level, or until compute or trials are spent.

    Args:
        epochs: (E,) of the reports.
        limit: seconds of compute.
        most: trials.
    """
    clock = _Clock(rule, epochs)
    now, spent, trials = 0.0, 0.0, 0
    ended: list[tuple[Trial, int]] = []

    def start() -> None:
        nonlocal trials
        trial = clock.promoted() if rule.promote else None
        if trial is None and trials < most:
            trial = chooser.ask()
            trials += trial is not None
        if trial is not None:
            clock.begin(trial, now)

    for _ in range(places):
        start()
    while clock.running:
        now, _, trial = heapq.heappop(clock.running)
        if now * places > limit:
            break
        spent = now * places
        stage = clock.learn(trial)
        if not stage.catches_up:
            chooser.report(trial, range(stage.begin, stage.end))
        if clock.goes_on(trial, stage):
            clock.begin(trial, now)
            continue
        if not stage.folds:
            ended.append((trial, stage.end))
            if trial.score(stage.end) >= level:
                return Replay(spent, trials, spent, tuple(ended))
        chooser.tell(trial, stage.end)
        start()
    return Replay(math.inf, trials, spent, tuple(ended))


class _Clock:
    """What runs until when, and what was seen at the rungs."""

    def __init__(self, rule: Rule, epochs: Sequence[int]) -> None:
        self._rule = rule
        self._stages = _stages(rule, epochs)
        self._seen: dict[int, list[float]] = {}  # scores by rung
        self._waiting: dict[int, list[tuple[float, int, Trial]]] = {}  # by rung
        self._gaps: list[float] = []  # all folds' mean over that of the first ones, at the rung
        self._order = count()
        self.running: list[tuple[float, int, Trial]] = []  # a heap by when the stage ends

    def begin(self, trial: Trial, now: float) -> None:
        """Start a trial's next stage."""
        trial.stage += 1
        stage = self._stages[trial.stage]
        share = stage.folds / trial.auc.shape[1] if stage.folds else 1.0
        share = 1 - share if stage.catches_up else share
        end = now + share * float(trial.seconds[stage.begin : stage.end].sum())
        heapq.heappush(self.running, (end, next(self._order), trial))

    def learn(self, trial: Trial) -> _Stage:
        """Write down what the trial's stage, which is over, has measured.

        Some folds are harder than others for all trials alike. So the mean over the first ones is
        corrected by the mean gap of the trials whose other folds are known.
        """
        stage = self._stages[trial.stage]
        part = slice(stage.begin, stage.end)
        if stage.catches_up:
            few = trial.auc[stage.end - 1, : stage.folds].mean()
            self._gaps.append(float(trial.auc[stage.end - 1].mean() - few))
        if stage.folds and not stage.catches_up:
            gap = float(np.mean(self._gaps)) if self._gaps else 0.0
            trial.known[part] = trial.auc[part, : stage.folds].mean(axis=1) + gap
        else:
            trial.known[part] = trial.auc[part].mean(axis=1)
        return stage

    def goes_on(self, trial: Trial, stage: _Stage) -> bool:
        """Whether it has a next stage now; one that waits may get it later."""
        if stage.rung is None:
            return stage.catches_up
        # Compared without the correction, which changes over time.
        few = trial.auc[: stage.end, : stage.folds or None].mean(axis=1)
        score = float(chosen_scores(few[None])[0])
        before = self._seen.setdefault(stage.rung, [])
        if self._rule.promote:
            waits = (score, -next(self._order), trial)
            self._waiting.setdefault(stage.rung, []).append(waits)
            good = False
        else:
            # As Ray Tune's ASHA decides.
            bar = 100 * (1 - 1 / self._rule.factor)
            good = not before or score >= float(np.percentile(before, bar))
        before.append(score)
        return good

    def promoted(self) -> Trial | None:
        """The best trial that waits at the highest rung and is among the best of it."""
        for rung in sorted(self._waiting, reverse=True):
            seen, waiting = self._seen[rung], self._waiting[rung]
            most = int(len(seen) / self._rule.factor)
            if not waiting or not most:
                continue
            best = max(waiting)
            if best[0] >= sorted(seen, reverse=True)[most - 1]:
                waiting.remove(best)
                return best[2]
        return None


def _stages(rule: Rule, epochs: Sequence[int]) -> list[_Stage]:
    place = {int(epoch): number + 1 for number, epoch in enumerate(epochs)}
    stages, begin = [], 0
    for number, rung in enumerate(rung for rung in rule.rungs if rung < epochs[-1]):
        folds = rule.folds if number == 0 else None
        stages.append(_Stage(begin, place[rung], folds, rung))
        if folds:
            stages.append(_Stage(begin, place[rung], folds, None, catches_up=True))
        begin = place[rung]
    return [*stages, _Stage(begin, len(epochs), None, None)]


def chosen_scores(mean: np.ndarray) -> np.ndarray:
    """(N,) the score at the report that is chosen from each curve, see `chosen_reports`."""
    scores: np.ndarray = mean[np.arange(len(mean)), chosen_reports(mean)]
    return scores


def chosen_reports(mean: np.ndarray) -> np.ndarray:
    """(N,) which report is chosen from each curve.

    `model.evaluation.epoch_choice.choose_epoch` for many curves at once.

    Args:
        mean: (N, E) over the folds.
    """
    length = mean.shape[1]
    half = WINDOW // 2
    sums = np.concatenate([np.zeros((len(mean), 1)), mean.cumsum(axis=1)], axis=1)
    first = np.maximum(np.arange(length) - half, 0)
    after = np.minimum(np.arange(length) + half + 1, length)
    level = (sums[:, after] - sums[:, first]) / (after - first)
    last_of_equals: np.ndarray = length - 1 - level[:, ::-1].argmax(axis=1)
    return last_of_equals
