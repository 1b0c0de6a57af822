"""Strategies of search: what chooses the points, and when a trial is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tuning.bench.curves.recorded import RecordedCurves
from tuning.bench.curves.replaying import Rule, Trial
from tuning.search.curve_gp import SCORED, STARTUP, best_candidate, known_trials
from tuning.search.encoding import Encoding

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

NEVER = Rule("to the end")
SHIPPED = Rule("stop at 60, 180", (60, 180))
EARLY = Rule("stop at 20, 60, 180", (20, 60, 180))
PROMOTING = Rule("promote at 20, 60, 180", (20, 60, 180), promote=True)
FEW_FOLDS = Rule("2 folds to 20, stop at 20, 60, 180", (20, 60, 180), folds=2)
RULES = (
    NEVER,
    SHIPPED,
    Rule("stop at 40, 120", (40, 120)),
    EARLY,
    Rule("promote at 60, 180", (60, 180), promote=True),
    PROMOTING,
    Rule("2 folds to 60, stop at 60, 180", (60, 180), folds=2),
    FEW_FOLDS,
)
RANDOM = "random"
RANKING = "curve-gp"  # the sampler that can rank points that are given to it
# The rules that a sampler is crossed with, so that a bench takes minutes: Optuna's Gaussian process
# takes 0.2 s for a suggestion, and the rules differ for random search as they do for others.
CROSSED = {
    RANDOM: RULES,
    RANKING: (NEVER, SHIPPED, EARLY, PROMOTING, FEW_FOLDS),
    "tpe": (SHIPPED, EARLY),
}


def rules_for(sampler: str) -> tuple[Rule, ...]:
    """The rules that a sampler is crossed with; of one that is not known here, the shipped one."""
    return CROSSED.get(sampler, (SHIPPED,))


class InOrder:
    """Points in the order they are given in, batch by batch."""

    def __init__(self, batches: Iterable[RecordedCurves]) -> None:
        self._left = (
            Trial(None, auc, seconds, place)
            for curves in batches
            for place, (auc, seconds) in enumerate(zip(curves.auc, curves.seconds, strict=True))
        )

    def ask(self) -> Trial | None:
        return next(self._left, None)

    def report(self, trial: Trial, reports: range) -> None:
        pass

    def tell(self, trial: Trial, reports: int) -> None:
        pass


class Suggested:
    """Points that an Optuna sampler suggests, told as a study tells it.

    Args:
        measure: (E, K) AUC and (E,) seconds of a point.
    """

    def __init__(
        self,
        sampler: BaseSampler,
        space: dict[str, BaseDistribution],
        epochs: Sequence[int],
        measure: Callable[[dict[str, Any]], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        import optuna

        self.study = optuna.create_study(sampler=sampler, direction="maximize")
        self._space = space
        self._epochs = epochs
        self._measure = measure
        self._told: set[int] = set()

    def ask(self) -> Trial | None:
        asked = self.study.ask(self._space)
        return Trial(asked, *self._measure(asked.params))

    def report(self, trial: Trial, reports: range) -> None:
        if trial.ask.number not in self._told:
            for report in reports:
                trial.ask.report(float(trial.known[report]), int(self._epochs[report]))

    def tell(self, trial: Trial, reports: int) -> None:
        from optuna.trial import create_trial

        score = trial.score(reports)
        if trial.ask.number not in self._told:
            self._told.add(trial.ask.number)
            self.study.tell(trial.ask, score)
            return
        # It waited and has gone on; Optuna changes no trial that has ended.
        curve = zip(self._epochs[:reports], trial.known[:reports], strict=True)
        self.study.add_trial(
            create_trial(
                params=trial.ask.params,
                distributions=trial.ask.distributions,
                value=score,
                intermediate_values={int(epoch): float(value) for epoch, value in curve},
            )
        )


class Ranked(Suggested):
    """Recorded points, of which the model of `RANKING` takes the most promising; real curves.

    Args:
        order: of the points, in which the first ones are taken.
    """

    def __init__(
        self,
        sampler: BaseSampler,
        space: dict[str, BaseDistribution],
        curves: RecordedCurves,
        order: Sequence[int],
    ) -> None:
        super().__init__(sampler, space, curves.epochs.tolist(), lambda point: self._measured())
        self._curves = curves
        self._encoding = Encoding(space)
        self._rows = self._encoding.rows(curves.points)
        self._left = [*order]
        self._place = -1

    def ask(self) -> Trial | None:
        if not self._left:
            return None
        trials = self.study.get_trials(deepcopy=False)
        self._place = self._left[0]
        if len(trials) >= STARTUP:
            known = known_trials(trials)
            if len(known.scored) >= SCORED:
                best = best_candidate(known, self._rows[self._left], self._encoding)
                self._place = self._left[best]
        self._left.remove(self._place)
        self.study.enqueue_trial(self._curves.points[self._place])
        trial = super().ask()
        return trial and replace(trial, place=self._place)

    def _measured(self) -> tuple[np.ndarray, np.ndarray]:
        return self._curves.auc[self._place], self._curves.seconds[self._place]
