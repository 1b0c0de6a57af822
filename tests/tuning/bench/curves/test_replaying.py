"""Replays: a trial costs what it takes, stops as ASHA would, and shows no more than it measured."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest

from model.evaluation.epoch_choice import choose_epoch
from search_spaces.loading import load_space
from search_spaces.schedule import Schedule
from tuning.bench.curves.replaying import Rule, Trial, chosen_scores, replay
from tuning.search.scheduler import StudyScheduler

EPOCHS = [20, 40, 60]
NEVER = Rule("never")


class Given:
    """Trials of given final scores, each flat, 1 s a report; remembers what it was shown."""

    def __init__(self, curves: Iterable[np.ndarray]) -> None:
        self._curves = iter(curves)
        self.asked: list[Trial] = []
        self.reported: list[tuple[int, list[float]]] = []
        self.told: list[tuple[int, int, float]] = []

    def ask(self) -> Trial | None:
        auc = next(self._curves, None)
        if auc is None:
            return None
        trial = Trial(len(self.asked), auc, np.ones(len(auc)))
        self.asked.append(trial)
        return trial

    def report(self, trial: Trial, reports: range) -> None:
        self.reported.append((trial.ask, [float(trial.known[report]) for report in reports]))

    def tell(self, trial: Trial, reports: int) -> None:
        self.told.append((trial.ask, reports, trial.score(reports)))


def flat(*scores: float) -> list[np.ndarray]:
    return [np.full((len(EPOCHS), 2), score) for score in scores]


def test_the_chosen_score_is_that_of_the_rule_of_studies() -> None:
    rng = np.random.default_rng(0)
    for length in range(1, 16):
        curves = rng.normal(size=(20, length))
        expected = []
        for curve in curves:
            choice = choose_epoch(dict(enumerate(curve.tolist())))
            assert choice is not None
            expected.append(choice.score)
        assert chosen_scores(curves).tolist() == expected


def test_all_places_cost_until_a_trial_has_the_level() -> None:
    scores = (0.5, 0.6, 0.7, 0.9)
    one = replay(Given(flat(*scores)), NEVER, EPOCHS, places=1, level=0.9, limit=100)
    assert (one.compute, one.trials) == (12.0, 4)
    # Two at once: the fourth ends after two turns of three seconds each.
    two = replay(Given(flat(*scores)), NEVER, EPOCHS, places=2, level=0.9, limit=100)
    assert (two.compute, two.trials) == (12.0, 4)
    three = replay(Given(flat(*scores)), NEVER, EPOCHS, places=3, level=0.9, limit=100)
    assert (three.compute, three.trials) == (18.0, 4)


def test_a_level_out_of_reach_costs_without_end() -> None:
    for limit, level in ((100, 0.99), (11, 0.9)):
        chooser = Given(flat(0.5, 0.6, 0.7, 0.9))
        found = replay(chooser, NEVER, EPOCHS, places=1, level=level, limit=limit)
        assert math.isinf(found.compute)


def test_a_trial_is_stopped_where_the_studys_scheduler_stops_it() -> None:
    """Forty curves, one after another, against Ray Tune's ASHA as the product asks it."""
    rng = np.random.default_rng(1)
    epochs = list(range(20, 301, 20))
    curves = [rng.normal(size=(len(epochs), 1)).cumsum(axis=0) for _ in range(40)]
    chooser = Given(curves)
    rule = Rule("", (60, 180))
    replay(chooser, rule, epochs, places=1, level=math.inf, limit=math.inf)
    ended = [epochs[reports - 1] for _, reports, _ in chooser.told]

    schedule = Schedule(report_every=20, first_rung=60, reduction_factor=3)
    space = load_space("full").model_copy(update={"schedule": schedule})
    scheduler = StudyScheduler(space)
    expected = []
    for number, curve in enumerate(curves):
        for epoch, score in zip(epochs, curve[:, 0], strict=True):
            if scheduler.decide(str(number), epoch, float(score)) == scheduler.STOP:
                break
        expected.append(epoch)
    assert ended == expected
    assert {*ended} == {60, 180, 300}


def test_the_best_that_waits_goes_on() -> None:
    """Of three at the rung one goes on, the best, before a fourth is begun."""
    rule = Rule("", (20,), promote=True)
    chooser = Given(flat(0.5, 0.7, 0.6, 0.4))
    found = replay(chooser, rule, EPOCHS, places=1, level=math.inf, limit=math.inf)
    assert [(number, reports) for number, reports, _ in chooser.told] == [
        (0, 1),
        (1, 1),
        (2, 1),
        (1, 3),
        (3, 1),
    ]
    assert found.trials == 4
    # Three times one report, and the other two of the best one.
    again = replay(Given(flat(0.5, 0.7, 0.6)), rule, EPOCHS, places=1, level=0.7, limit=100)
    assert again.compute == 2.0  # it has the level when it comes to wait
    later = np.array([[0.7, 0.7], [0.8, 0.8], [0.8, 0.8]])
    climbs = [flat(0.5)[0], later, flat(0.6)[0]]
    assert replay(Given(climbs), rule, EPOCHS, places=1, level=0.8, limit=100).compute == 5.0


def test_folds_that_were_not_trained_are_neither_paid_nor_shown() -> None:
    """One of two folds until the rung; the other one, 0.2 better, of those that go on."""
    curves = [np.tile([score, score + 0.2], (3, 1)) for score in (0.5, 0.4, 0.6)]
    chooser = Given(curves)
    rule = Rule("", (20,), folds=1)
    replay(chooser, rule, EPOCHS, places=1, level=math.inf, limit=math.inf)
    # The first goes on: its gap of 0.1 between fold and mean corrects those that come after it.
    assert chooser.reported[0] == (0, [0.5])
    assert chooser.reported[1] == (0, pytest.approx([0.6, 0.6]))
    assert chooser.reported[2] == (1, [pytest.approx(0.5)])
    assert [(number, reports) for number, reports, _ in chooser.told] == [(0, 3), (1, 1), (2, 3)]
    # 0.5 for half the folds, 0.5 for the others, 2 to the end; then 0.5; then 3.
    level = replay(Given(curves), rule, EPOCHS, places=1, level=0.7, limit=100)
    assert level.compute == 6.5


def test_a_level_is_not_reached_by_some_of_the_folds() -> None:
    chooser = Given([np.tile([0.9, 0.1], (3, 1))])
    rule = Rule("", (20,), promote=True, folds=1)
    found = replay(chooser, rule, EPOCHS, places=1, level=0.6, limit=100)
    assert chooser.told == [(0, 1, 0.9)]  # it waits, and nobody knows of its other fold
    assert math.isinf(found.compute)
