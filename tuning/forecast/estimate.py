"""What a study will take, said before it starts: epochs, device-hours, wall time, disk.

Pure: the costs that a probe measured go in. The first trials are those that the search begins with,
the others are drawn from the space as random search would. Their scores are random, and ASHA
decides on them as it will: what the search learns on its way is not foreseen, and it tends to learn
to like configurations that cost more.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np

from search_spaces.schema import SearchSpace
from tuning.cluster.session import Resources
from tuning.forecast.probe import Probe
from tuning.forecast.prober import Cost

_SIMULATED = 3_000  # trials in all studies that are simulated, at least _REPLAYS of these
_REPLAYS = 10
# Bytes of a report in the record's file and, with all that is told of its run, in SQLite: what a
# study of 12 trials and 89 reports left, over its reports.
_REPORT_BYTES = 9_000


@dataclass(frozen=True)
class Totals:
    """Of a study: epochs of all trials, seconds of all trials, seconds of the whole search."""

    epochs: float
    busy: float
    wall: float


@dataclass(frozen=True)
class Forecast:
    """What a study is expected to take.

    Args:
        expected: with ASHA stopping trials.
        spread: sd of ``expected`` from study to study: it is luck, too, which trials are stopped.
        without_stopping: if every trial had its full budget.
        device_hours: GPU-hours, or core-hours where no GPU is asked for; of ``expected``.
        checkpoint_bytes: in the study's storage, were all as large as the largest measured.
        home_bytes: in the home, likewise: the record, checkpoints kept with it, the model.
    """

    expected: Totals
    spread: Totals
    without_stopping: Totals
    device_hours: float
    device_hours_without_stopping: float
    checkpoint_bytes: int
    home_bytes: int


def forecast(
    space: SearchSpace, trials: int, probe: Probe, resources: Resources, per_device: int, pairs: int
) -> Forecast:
    """Simulate the study.

    Args:
        per_device: trials that share a device.
        pairs: that the model scores, all rows times all columns.
    """
    rng = np.random.default_rng(0)
    slowdown = probe.slowdown(min(per_device, resources.at_once))
    replays = max(_REPLAYS, _SIMULATED // trials)
    studies = [_draw(trials, probe, rng) for _ in range(replays)]
    stopping, not_stopping = (
        np.array([_run(space, study, resources.at_once, slowdown, scores) for study in studies])
        + [0.0, 0.0, probe.start]
        for scores in (rng, None)
    )
    expected, without = (Totals(*of.mean(axis=0).tolist()) for of in (stopping, not_stopping))
    part = resources.gpus or resources.cpus
    checkpoint = max(cost.checkpoint for cost in probe.costs)
    # A new one is written before the old one goes.
    at_storage = (trials + resources.at_once) * checkpoint
    reports = expected.epochs / space.schedule.report_every + trials
    model = 4 * pairs + checkpoint
    return Forecast(
        expected=expected,
        spread=Totals(*stopping.std(axis=0).tolist()),
        without_stopping=without,
        device_hours=expected.busy * part / 3600,
        device_hours_without_stopping=without.busy * part / 3600,
        checkpoint_bytes=at_storage,
        home_bytes=int(trials * checkpoint + reports * _REPORT_BYTES + model),
    )


def _draw(trials: int, probe: Probe, rng: np.random.Generator) -> list[Cost]:
    """The trials of one study: those it begins with, which were measured, then random ones."""
    pool = [cost for cost in probe.costs if not cost.is_start] or probe.costs
    drawn = [
        replace(pool[rng.integers(len(pool))], is_spared=False)
        for _ in range(trials - len(probe.costs))
    ]
    return [*probe.costs[:trials], *drawn]


def _run(
    space: SearchSpace,
    trials: list[Cost],
    at_once: int,
    slowdown: float,
    rng: np.random.Generator | None,
) -> tuple[float, float, float]:
    """One study on a simulated clock; the fields of `Totals`.

    Args:
        rng: of the scores, which ASHA compares; None if nothing is stopped.
    """
    # Imports Ray, whose settings come first: not before the session.
    from tuning.search.scheduler import StudyScheduler

    scheduler = StudyScheduler(space)
    rungs = space.schedule.rungs(space.max_epochs)
    scores = None if rng is None else rng.normal(size=len(trials))
    epochs = busy = wall = 0.0
    waiting = iter(range(len(trials)))
    # Running trials, by the time of their next decision: (time, trial, epoch).
    clock: list[tuple[float, int, int]] = []

    def go_on(now: float, number: int, epoch: int) -> None:
        nonlocal epochs, busy
        cost = trials[number]
        until = min([*(rung for rung in rungs if rung > epoch), cost.epochs])
        reports = -(-(until - epoch) // space.schedule.report_every)
        seconds = (until - epoch) * cost.epoch + reports * cost.evaluation
        seconds = slowdown * (seconds + (cost.setup if epoch == 0 else 0.0))
        epochs, busy = epochs + until - epoch, busy + seconds
        heapq.heappush(clock, (now + seconds, number, until))

    for _, number in zip(range(at_once), waiting, strict=False):
        go_on(0.0, number, 0)
    while clock:
        wall, number, epoch = heapq.heappop(clock)
        stops = epoch >= trials[number].epochs
        if scores is not None and epoch in rungs:
            decision = scheduler.decide(str(number), epoch, float(scores[number]))
            stops |= decision == scheduler.STOP and not trials[number].is_spared
        if not stops:
            go_on(wall, number, epoch)
        elif (following := next(waiting, None)) is not None:
            go_on(wall, following, 0)
    return epochs, busy, wall
