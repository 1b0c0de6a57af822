"""`bench scaling`: a study of 1,000 trials on 1 to 256 GPUs, simulated; where more stop paying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from statistics import median
from typing import Any

from search_spaces.schema import SearchSpace
from tuning.bench.driver import measure_driver
from tuning.bench.measuring import Figure, document
from tuning.bench.recording import Curve
from tuning.bench.rungs import compare_rungs
from tuning.bench.simulation import (
    SPENDING,
    TRAINING,
    Cluster,
    Costs,
    Outcome,
    draw_trials,
    simulate,
)

# GPUs; with other losses than the usual ones only some, and only the largest amount of work.
GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WORK = (0.1, 1.0, 10.0, 100.0)  # of the recorded training: a quicker device, a larger network
GPUS_WITH_LOSSES = (16, 64, 256)
LOSSES = (0.0, 0.05, 0.2, 1.0)  # of a GPU, an hour
USUAL_LOSSES = 0.05
PAYS = 1.5  # a doubling of the GPUs pays while it makes the study so many times as fast
CLOSE = 0.003  # AUC: configurations closer than this cannot be told apart

# Assumed, for no cloud was asked: a machine that Ray finds dead within what the lab needed at most,
# a new one that boots and installs this project, and `idle_timeout_minutes` of cluster.yaml.
NOTICE, REPLACEMENT, IDLE_TIMEOUT = 14.0, 300.0, 600.0  # seconds

_MEASURED = (150, 8, 0.05)  # trials, side by side, share of the recorded time slept: driver's share
DRAWS = 100  # searches of each schedule of rungs


def bench_scaling(
    curves: Sequence[Curve],
    space: SearchSpace,
    *,
    trials: int,
    seeds: Sequence[int],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Measure a driver here, then simulate with it.

    Args:
        curves: recorded trials, drawn from with replacement, whole.
        trials: of the simulated study.
        seeds: of the draws and the losses.

    Returns:
        The document of a benchmark, with ``driver`` (what was measured of it), ``assumed``,
        ``points`` (see `sweep`), ``limits`` (see `limits_by_work`), ``slow_limits`` (the same with
        a driver as slow as the study was) and ``rungs`` (see `compare_rungs`).
    """
    measured, at_once, work = _MEASURED
    cold = space.model_copy(update={"start_with": []})
    driver = measure_driver(draw_trials(curves, measured, seed=0), cold, at_once=at_once, work=work)
    costs = driver.costs
    points, slow = (
        list(sweep(curves, cold, one, trials=trials, seeds=seeds, progress=progress))
        for one in (costs, costs.driver_times(driver.slower))
    )
    progress("replaying other rungs ...")
    figures = [
        Figure.of("driver, a report", [1000 * costs.report], "ms"),
        Figure.of("driver, the first trial", [1000 * costs.trial], "ms"),
        Figure.of(
            f"driver, trial {trials:,}",
            [1000 * (costs.trial + costs.trial_growth * (trials - 1))],
            "ms",
        ),
        Figure.of("start of a worker", [costs.actor_start], "s"),
    ]
    return {
        **document(figures, {"driver: simulated / real": driver.simulated / driver.seconds}),
        "driver": {**asdict(driver), "at_once": at_once, "work": work},
        "recording": _recording(curves),
        "assumed": {"notice": NOTICE, "replacement": REPLACEMENT, "idle_timeout": IDLE_TIMEOUT},
        "trials": trials,
        "seeds": len(seeds),
        "points": points,
        "limits": limits_by_work(points),
        "slow_limits": limits_by_work(slow),
        "rungs": compare_rungs(curves, cold, draws=DRAWS),
    }


def sweep(
    curves: Sequence[Curve],
    space: SearchSpace,
    costs: Costs,
    *,
    trials: int,
    seeds: Sequence[int],
    progress: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """Every size of cluster with every amount of work and, for the largest, every rate of losses.

    Yields:
        ``work``, ``losses_per_hour``, ``gpus``, and of each quantity its values by seed: ``wall``
        (seconds), ``gpu_hours`` paid for, ``training`` (hours, without what a loss undid),
        ``shares`` (of the paid time, for each of `SPENDING`), ``driver`` (share of the wall that it
        works), ``to_best`` (seconds until a trial was within `CLOSE` of the best one of
        all sizes), ``best``, ``lost`` (how often a trial lost its machine), ``finished``.
    """
    drawn = {seed: draw_trials(curves, trials, seed) for seed in seeds}
    series: list[tuple[float, float, tuple[int, ...]]] = [
        (work, USUAL_LOSSES, GPUS) for work in WORK
    ]
    others = [losses for losses in LOSSES if losses != USUAL_LOSSES]
    series += [(WORK[-1], losses, GPUS_WITH_LOSSES) for losses in others]
    for work, losses, sizes in series:
        outcomes: dict[int, list[Outcome]] = {}
        for gpus in sizes:
            progress(f"{trials} trials of {work:g} x the work on {gpus} GPUs ...")
            cluster = Cluster(gpus, losses, NOTICE, REPLACEMENT, IDLE_TIMEOUT)
            outcomes[gpus] = [
                simulate(drawn[seed], space, cluster, costs, work=work, seed=seed) for seed in seeds
            ]
        goals = [
            max(of_size[place].best[-1][1] for of_size in outcomes.values()) - CLOSE
            for place in range(len(seeds))
        ]
        for gpus, of_seeds in outcomes.items():
            yield {
                "work": work,
                "losses_per_hour": losses,
                "gpus": gpus,
                "wall": [one.wall for one in of_seeds],
                "gpu_hours": [one.paid / 3600 for one in of_seeds],
                "training": [one.spending[TRAINING] / 3600 for one in of_seeds],
                "shares": {
                    name: [one.spending[name] / one.paid for one in of_seeds] for name in SPENDING
                },
                "driver": [one.driver / one.wall for one in of_seeds],
                "to_best": [one.time_to(goal) for one, goal in zip(of_seeds, goals, strict=True)],
                "best": [one.best[-1][1] for one in of_seeds],
                "lost": [one.losses for one in of_seeds],
                "finished": [one.endings["finished"] for one in of_seeds],
            }


def limits_by_work(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The limits for each amount of work, at the usual rate of losses."""
    usual = [one for one in points if one["losses_per_hour"] == USUAL_LOSSES]
    works = dict.fromkeys(one["work"] for one in usual)
    return [limits([one for one in usual if one["work"] == work]) for work in works]


def limits(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Up to how many GPUs doubling them pays, and what takes the time beyond.

    Args:
        points: of one amount of work and one rate of losses, from few GPUs to many.

    Returns:
        ``work``, ``gpus`` (the last size that paid), ``next_speedup`` (of the
        doubling beyond it; None where all paid), ``reason`` (what takes the largest share of the
        paid time there, training aside), ``fed`` (GPUs that one driver could keep training: the
        training of all trials over the driver's work for them).
    """
    found: dict[str, Any] = {"work": points[0]["work"]}
    alone = zip(points[0]["training"], points[0]["driver"], points[0]["wall"], strict=True)
    found["fed"] = median(3600 * hours / (share * wall) for hours, share, wall in alone)
    for few, many in pairwise(points):
        speedup = median(a / b for a, b in zip(few["wall"], many["wall"], strict=True))
        if speedup < PAYS:
            shares = {name: median(many["shares"][name]) for name in SPENDING if name != TRAINING}
            reason = max(shares, key=lambda name: shares[name])
            return {**found, "gpus": few["gpus"], "next_speedup": speedup, "reason": reason}
    return {**found, "gpus": points[-1]["gpus"], "next_speedup": None, "reason": None}


def _recording(curves: Sequence[Curve]) -> dict[str, Any]:
    totals = [sum(curve.seconds) for curve in curves]
    return {
        "trials": len(curves),
        "seconds": {"min": min(totals), "median": median(totals), "max": max(totals)},
        "best": max(curve.scores[-1] for curve in curves),
    }
