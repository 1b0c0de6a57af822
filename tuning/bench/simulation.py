"""A study on a simulated clock: many GPUs, one driver, the project's own scheduler, no training.

A trial is a recorded curve. One queue of events drives everything; the driver does one thing at a
time, and a trial waits while its report stands in the driver's line, as Ray Tune has it.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from search_spaces.schema import SearchSpace
from tuning.bench.recording import Curve
from tuning.metric import AUC

# What a GPU that is paid for does with its time.
TRAINING = "training"
REDONE = "training that a loss undid"
STARTING = "starting"
DRIVER = "waiting for the driver"
IDLE = "idle"
SPENDING = (TRAINING, REDONE, STARTING, DRIVER, IDLE)

_MAX_LOSSES = 3  # as in tuning/search/run.py: a trial that is lost once more has failed


@dataclass(frozen=True)
class Costs:
    """Seconds that a study spends beside training.

    Args:
        actor_start: of a GPU's first trial: its process starts and imports torch.
        trial_start: of every trial, on its worker.
        trial: of the driver for every trial; ``trial_growth`` more for each trial before it.
        report: of the driver for every report.
    """

    actor_start: float = 0.0
    trial_start: float = 0.0
    trial: float = 0.0
    trial_growth: float = 0.0
    report: float = 0.0

    def driver_times(self, factor: float) -> Costs:
        """With a driver that takes so many times as long."""
        names = ("trial", "trial_growth", "report")
        return replace(self, **{name: factor * getattr(self, name) for name in names})


@dataclass(frozen=True)
class Cluster:
    """Machines of one GPU each, one trial at a time on each.

    Args:
        losses_per_hour: of a GPU: how often the cloud takes it back.
        notice: seconds from a loss until Ray knows of it and can give the trial to another GPU.
        replacement: seconds from a loss until another GPU stands there.
        idle_timeout: seconds after which a GPU without work is given back.
    """

    gpus: int
    losses_per_hour: float = 0.0
    notice: float = 0.0
    replacement: float = 0.0
    idle_timeout: float = math.inf


@dataclass
class Outcome:
    """A simulated study.

    Args:
        wall: seconds until its last trial ended.
        spending: GPU-seconds paid for, by what the GPU did.
        driver: seconds that the driver worked.
        reports: that it handled.
        losses: of GPUs that held a trial.
        endings: of the trials: finished, stopped early, failed.
        best: (seconds, score) of every full-budget trial that was the best so far.
    """

    wall: float = 0.0
    spending: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SPENDING, 0.0))
    driver: float = 0.0
    reports: int = 0
    losses: int = 0
    endings: Counter[str] = field(default_factory=Counter)
    best: list[tuple[float, float]] = field(default_factory=list)

    @property
    def paid(self) -> float:
        """GPU-seconds."""
        return sum(self.spending.values())

    def time_to(self, score: float) -> float:
        """Seconds until a full-budget trial had scored so much; infinite if none did."""
        return next((time for time, reached in self.best if reached >= score), math.inf)


@dataclass
class _Trial:
    curve: Curve
    handle: Any  # what the scheduler takes for Ray Tune's trial
    reached: int = 0  # reports so far
    saved: int = 0  # reports when the last checkpoint was written
    at_risk: float = 0.0  # seconds of training since then
    losses: int = 0


@dataclass
class _Slot:
    """Where a GPU stands; a lost one is replaced in its slot."""

    luck: np.random.Generator
    life: int = 0  # events of an earlier machine are void
    trial: _Trial | None = None
    doing: str | None = None  # None while no GPU is there
    since: float = 0.0
    fresh: bool = True  # its worker has to start


def draw_trials(curves: Sequence[Curve], trials: int, seed: int) -> list[Curve]:
    """A bootstrap of whole recorded trials."""
    places = np.random.default_rng([seed, 0]).integers(len(curves), size=trials)
    return [curves[place] for place in places]


def simulate(
    drawn: Sequence[Curve],
    space: SearchSpace,
    cluster: Cluster,
    costs: Costs,
    *,
    work: float = 1.0,
    seed: int = 0,
) -> Outcome:
    """Run a study of the drawn trials, in their order.

    Args:
        work: training takes this many times what was recorded.
        seed: of the losses; a slot's are the same in a cluster of any size.
    """
    return _Study(drawn, space, cluster, costs, work, seed).run()


class _Study:
    def __init__(
        self,
        drawn: Sequence[Curve],
        space: SearchSpace,
        cluster: Cluster,
        costs: Costs,
        work: float,
        seed: int,
    ) -> None:
        from tuning.search.scheduler import StudyScheduler

        self.cluster, self.costs, self.work = cluster, costs, work
        self.schedule = space.schedule
        self.scheduler: Any = StudyScheduler(space)
        self.trials = [
            _Trial(curve, SimpleNamespace(trial_id=f"{number:05d}", config={}))
            for number, curve in enumerate(drawn)
        ]
        self.slots = [_Slot(np.random.default_rng([seed, 1, k])) for k in range(cluster.gpus)]
        self.events: list[tuple[float, int, str, int, int]] = []
        self.pushed = 0
        self.begun = 0
        self.lost: deque[_Trial] = deque()  # with their machines, and nobody knows yet
        self.again: deque[_Trial] = deque()  # to be given to another machine
        self.driver_free = 0.0
        self.outcome = Outcome()

    def run(self) -> Outcome:
        steps = {"up": self._up, "sent": self._sent, "train": self._train}
        steps |= {"measured": self._measured, "handled": self._handled}
        steps |= {"lost": self._lost, "noticed": self._noticed}
        for place in range(len(self.slots)):
            self._push(0.0, "up", place)
        now = 0.0
        while sum(self.outcome.endings.values()) < len(self.trials):
            now, _, kind, place, life = heapq.heappop(self.events)
            if kind == "noticed" or life == self.slots[place].life:
                steps[kind](now, place)
        for slot in self.slots:
            self._turn(slot, None, now)
        self.outcome.wall = now
        return self.outcome

    def _push(self, time: float, kind: str, place: int) -> None:
        # The count keeps events of one time in the order they were made.
        self.pushed += 1
        heapq.heappush(self.events, (time, self.pushed, kind, place, self.slots[place].life))

    def _turn(self, slot: _Slot, doing: str | None, now: float) -> None:
        """Book what the slot has done and let it do something else."""
        if slot.doing is not None:
            spent = now - slot.since
            if slot.doing == IDLE:
                spent = min(spent, self.cluster.idle_timeout)
            self.outcome.spending[slot.doing] += spent
            if slot.doing == TRAINING and slot.trial:
                slot.trial.at_risk += spent
        slot.doing, slot.since = doing, now

    def _asks_driver(self, now: float, seconds: float) -> float:
        """When the driver, which takes one thing after the other, is done with this one."""
        self.driver_free = max(now, self.driver_free) + seconds
        self.outcome.driver += seconds
        return self.driver_free

    def _up(self, now: float, place: int) -> None:
        slot = self.slots[place]
        slot.fresh = True
        rate = self.cluster.losses_per_hour / 3600
        if rate:
            self._push(now + slot.luck.exponential(1 / rate), "lost", place)
        self._begin(now, place)

    def _begin(self, now: float, place: int) -> None:
        """Give a free GPU a trial: one that lost its machine, else a new one."""
        slot = self.slots[place]
        if self.again:
            slot.trial, seconds = self.again.popleft(), 0.0
        elif self.begun < len(self.trials):
            slot.trial = self.trials[self.begun]
            seconds = self.costs.trial + self.costs.trial_growth * self.begun
            self.begun += 1
            self.scheduler.on_trial_add(None, slot.trial.handle)
        else:
            slot.trial = None
            self._turn(slot, IDLE, now)
            return
        self._turn(slot, DRIVER, now)
        self._push(self._asks_driver(now, seconds), "sent", place)

    def _sent(self, now: float, place: int) -> None:
        """The driver has sent the trial; its worker sets it up."""
        slot = self.slots[place]
        assert slot.trial
        seconds = self.costs.trial_start
        seconds += self.costs.actor_start if slot.fresh else 0.0
        slot.fresh = False
        self._turn(slot, STARTING, now)
        self._push(now + seconds, "train", place)

    def _train(self, now: float, place: int) -> None:
        slot = self.slots[place]
        assert slot.trial
        self._turn(slot, TRAINING, now)
        seconds = self.work * slot.trial.curve.seconds[slot.trial.reached]
        self._push(now + seconds, "measured", place)

    def _measured(self, now: float, place: int) -> None:
        """A report is there, and waits for the driver."""
        slot = self.slots[place]
        assert slot.trial
        self._turn(slot, DRIVER, now)
        self.outcome.reports += 1
        self._push(self._asks_driver(now, self.costs.report), "handled", place)

    def _handled(self, now: float, place: int) -> None:
        """The driver has read a report: the scheduler decides."""
        trial = self.slots[place].trial
        assert trial
        curve = trial.curve
        epoch, score = curve.epochs[trial.reached], curve.scores[trial.reached]
        trial.reached += 1
        if epoch in self.schedule.rungs(curve.epochs[-1]):  # as in tuning/search/trial.py
            trial.saved, trial.at_risk = trial.reached, 0.0
        full = trial.reached == len(curve.epochs)
        result = {AUC: score, "epoch": epoch, "full_budget": full}
        action = self.scheduler.on_trial_result(None, trial.handle, result)
        if full:
            self.outcome.endings["finished"] += 1
            if not self.outcome.best or score > self.outcome.best[-1][1]:
                self.outcome.best.append((now, score))
        elif action == self.scheduler.STOP:
            self.outcome.endings["stopped early"] += 1
        else:
            self._train(now, place)
            return
        self._begin(now, place)

    def _lost(self, now: float, place: int) -> None:
        """The machine is gone; its trial goes on elsewhere from its checkpoint."""
        slot, trial = self.slots[place], self.slots[place].trial
        self._turn(slot, None, now)
        slot.life += 1
        if trial is None:
            return  # nobody asks for another
        slot.trial = None
        self._push(now + self.cluster.replacement, "up", place)
        self.outcome.losses += 1
        self.outcome.spending[TRAINING] -= trial.at_risk
        self.outcome.spending[REDONE] += trial.at_risk
        trial.reached, trial.at_risk = trial.saved, 0.0
        trial.losses += 1
        if trial.losses > _MAX_LOSSES:
            self.outcome.endings["failed"] += 1
            return
        self.lost.append(trial)
        self._push(now + self.cluster.notice, "noticed", place)

    def _noticed(self, now: float, place: int) -> None:
        """Ray knows of the loss of the trial, which goes on wherever there is room."""
        self.again.append(self.lost.popleft())
        for other, slot in enumerate(self.slots):
            if slot.doing == IDLE and now - slot.since <= self.cluster.idle_timeout:
                self._begin(now, other)
                return
