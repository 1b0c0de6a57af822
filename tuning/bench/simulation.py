"""A discrete-event simulation of a study: many GPUs, one driver, the real scheduler, no training.

A trial is a recorded curve. The driver handles one thing at a time, as Ray Tune's does, so a trial
waits until its report has been handled. A GPU goes through these events::

    GPU_UP -> TRIAL_SENT -> TRAINING_STARTS -> REPORTED -> REPORT_HANDLED
                                   ^                            |
                                   `-- the scheduler goes on ---'   else the next trial is sent

GPU_LOST may come at any time; the trial on it is then NOTICED_AS_LOST and sent to another GPU.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np

from model.evaluation.epoch_choice import choose_epoch
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
        best: (seconds, score) of every ended trial whose chosen score was the best so far.
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
        """Seconds until a trial that had ended had scored so much; infinite if none did."""
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
    """A place for one GPU; a GPU that is lost is replaced in the same slot."""

    losses: np.random.Generator  # draws when the next loss comes
    generation: int = 0  # of the GPU in the slot; events of an earlier one are ignored
    trial: _Trial | None = None
    doing: str | None = None  # one of `SPENDING`; None while there is no GPU
    since: float = 0.0
    needs_worker: bool = True  # a worker process has to start on it


class _Event(Enum):
    """What happens to a slot, in simulated time."""

    GPU_UP = auto()
    TRIAL_SENT = auto()
    TRAINING_STARTS = auto()
    REPORTED = auto()
    REPORT_HANDLED = auto()
    GPU_LOST = auto()
    NOTICED_AS_LOST = auto()


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
        # (time, number of the event, what happens, slot, generation of its GPU), soonest first.
        self.queue: list[tuple[float, int, _Event, int, int]] = []
        self.numbers = count()
        self.begun = 0
        self.lost: deque[_Trial] = deque()  # lost with their GPU, not noticed yet
        self.again: deque[_Trial] = deque()  # to be sent to another GPU
        self.driver_free = 0.0  # time at which the driver has handled all it was given
        self.outcome = Outcome()
        self.handlers: dict[_Event, Callable[[float, int], None]] = {
            _Event.GPU_UP: self._gpu_up,
            _Event.TRIAL_SENT: self._trial_sent,
            _Event.TRAINING_STARTS: self._training_starts,
            _Event.REPORTED: self._reported,
            _Event.REPORT_HANDLED: self._report_handled,
            _Event.GPU_LOST: self._gpu_lost,
            _Event.NOTICED_AS_LOST: self._noticed_as_lost,
        }

    def run(self) -> Outcome:
        """Handle events in the order of time until every trial has ended."""
        for place in range(len(self.slots)):
            self._schedule(0.0, _Event.GPU_UP, place)
        now = 0.0
        while sum(self.outcome.endings.values()) < len(self.trials):
            now, _, event, place, generation = heapq.heappop(self.queue)
            of_present_gpu = generation == self.slots[place].generation
            if of_present_gpu or event is _Event.NOTICED_AS_LOST:
                self.handlers[event](now, place)
        for slot in self.slots:
            self._turn(slot, None, now)
        self.outcome.wall = now
        return self.outcome

    def _schedule(self, time: float, event: _Event, place: int) -> None:
        # The number keeps events of the same time in the order in which they were scheduled.
        entry = (time, next(self.numbers), event, place, self.slots[place].generation)
        heapq.heappush(self.queue, entry)

    def _turn(self, slot: _Slot, doing: str | None, now: float) -> None:
        """Count the time since the last turn as what the slot was doing, and change that."""
        if slot.doing is not None:
            spent = now - slot.since
            if slot.doing == IDLE:
                spent = min(spent, self.cluster.idle_timeout)
            self.outcome.spending[slot.doing] += spent
            if slot.doing == TRAINING and slot.trial:
                slot.trial.at_risk += spent
        slot.doing, slot.since = doing, now

    def _driver_done(self, now: float, seconds: float) -> float:
        """Give the driver work; the time at which it is done, after all that came before."""
        self.driver_free = max(now, self.driver_free) + seconds
        self.outcome.driver += seconds
        return self.driver_free

    def _gpu_up(self, now: float, place: int) -> None:
        slot = self.slots[place]
        slot.needs_worker = True
        rate = self.cluster.losses_per_hour / 3600
        if rate:
            self._schedule(now + slot.losses.exponential(1 / rate), _Event.GPU_LOST, place)
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
        self._schedule(self._driver_done(now, seconds), _Event.TRIAL_SENT, place)

    def _trial_sent(self, now: float, place: int) -> None:
        """The worker sets up the trial that the driver has sent."""
        slot = self.slots[place]
        assert slot.trial
        seconds = self.costs.trial_start
        seconds += self.costs.actor_start if slot.needs_worker else 0.0
        slot.needs_worker = False
        self._turn(slot, STARTING, now)
        self._schedule(now + seconds, _Event.TRAINING_STARTS, place)

    def _training_starts(self, now: float, place: int) -> None:
        slot = self.slots[place]
        assert slot.trial
        self._turn(slot, TRAINING, now)
        seconds = self.work * slot.trial.curve.seconds[slot.trial.reached]
        self._schedule(now + seconds, _Event.REPORTED, place)

    def _reported(self, now: float, place: int) -> None:
        """The trial waits until the driver has handled its report."""
        slot = self.slots[place]
        assert slot.trial
        self._turn(slot, DRIVER, now)
        self.outcome.reports += 1
        self._schedule(self._driver_done(now, self.costs.report), _Event.REPORT_HANDLED, place)

    def _report_handled(self, now: float, place: int) -> None:
        """The scheduler decides whether the trial goes on."""
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
        if not full and action != self.scheduler.STOP:
            self._training_starts(now, place)
            return
        self.outcome.endings["finished" if full else "stopped early"] += 1
        reports = zip(curve.epochs[: trial.reached], curve.scores, strict=False)
        choice = choose_epoch(dict(reports))
        if choice and (not self.outcome.best or choice.score > self.outcome.best[-1][1]):
            self.outcome.best.append((now, choice.score))
        self._begin(now, place)

    def _gpu_lost(self, now: float, place: int) -> None:
        """The trial will go on elsewhere from its last checkpoint, once the loss is noticed."""
        slot, trial = self.slots[place], self.slots[place].trial
        self._turn(slot, None, now)
        slot.generation += 1
        if trial is None:
            return  # there is no trial left, so the GPU is not replaced
        slot.trial = None
        self._schedule(now + self.cluster.replacement, _Event.GPU_UP, place)
        self.outcome.losses += 1
        self.outcome.spending[TRAINING] -= trial.at_risk
        self.outcome.spending[REDONE] += trial.at_risk
        trial.reached, trial.at_risk = trial.saved, 0.0
        trial.losses += 1
        if trial.losses > _MAX_LOSSES:
            self.outcome.endings["failed"] += 1
            return
        self.lost.append(trial)
        self._schedule(now + self.cluster.notice, _Event.NOTICED_AS_LOST, place)

    def _noticed_as_lost(self, now: float, place: int) -> None:
        """Send the trial to an idle GPU that was not given back, else to the next free one."""
        self.again.append(self.lost.popleft())
        for other, slot in enumerate(self.slots):
            if slot.doing == IDLE and now - slot.since <= self.cluster.idle_timeout:
                self._begin(now, other)
                return
