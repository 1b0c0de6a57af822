"""`bench search`: the compute that strategies need for what random search reaches.

Nothing is trained: searches are replayed on a simulated clock. Points off the record have the
curves of a surrogate; where a model ranks the recorded points themselves, the curves are real.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from model.errors import InputError
from tuning.bench.curves.processes import in_processes
from tuning.bench.curves.recorded import RecordedCurves, read_curves
from tuning.bench.curves.replaying import Replay, Rule, chosen_scores, replay
from tuning.bench.curves.strategies import RANDOM, RANKING, InOrder, Ranked, Suggested, rules_for
from tuning.bench.curves.surrogate import Surrogate, as_reported
from tuning.bench.measuring import machine
from tuning.search.samplers import SAMPLERS

OF_RANDOM = 64  # trials of random search, whose best is the level
SURROGATE, RECORDED = "surrogate", "recorded points"


def limit_of(places: int) -> float:
    """Of random's compute: a search that has not reached the level then counts as infinite.

    Many places waste more, since none of them can end before its first trial.
    """
    return 1 + places / 64


@dataclass(frozen=True)
class Job:
    """One search: of which curves, how, and with which luck."""

    recording: str
    source: str
    sampler: str
    rule: Rule
    places: int
    seed: int


def bench_search(
    recording: str,
    *,
    samplers: Sequence[str],
    places: Sequence[int],
    seeds: int,
    processes: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Replay every strategy with every seed.

    A seed has a random search of `OF_RANDOM` trials to their end, of which the best score is the
    level to be reached. The ratio is the compute of a search until then, over the mean compute of
    so many random trials. Random search, which draws other points than the one that set the level,
    is among the strategies: its ratio is luck's own.

    Args:
        samplers: entries of `SAMPLERS`.
        places: trials at once, each a number of them.

    Returns:
        ``machine``, ``recorded``, ``surrogate`` (`Surrogate.errors`), ``level`` by source
        (quartiles over the seeds), ``seeds``, and ``searches``: ``source``, ``sampler``, ``rule``,
        ``places``, ``ratio`` (quartiles over the seeds, None where not reached within `limit_of`),
        ``reached`` (share of the seeds), ``trials`` (median of those begun).

    Raises:
        InputError: no such recording or sampler.
    """
    for sampler in samplers:
        SAMPLERS[sampler]
    curves = as_reported(read_curves(recording))
    if len(curves.points) < 2 * OF_RANDOM:
        raise InputError(
            f"{recording} has {len(curves.points)} points",
            where="--recording",
            hint=f"record {2 * OF_RANDOM} or more: the level is the best of {OF_RANDOM}",
        )
    strategies = [
        (source, sampler, rule, at_once)
        for source, sampler in product((SURROGATE, RECORDED), samplers)
        if source == SURROGATE or sampler in (RANDOM, RANKING)
        for rule, at_once in product(rules_for(sampler), places)
    ]
    jobs = [Job(recording, *strategy, seed) for strategy in strategies for seed in range(seeds)]
    done: list[tuple[float, int]] = []
    for result in in_processes(run_search, jobs, processes):
        done.append(result)
        progress(len(done), len(jobs))
    searches = [
        _summary(strategy, done[number * seeds : (number + 1) * seeds])
        for number, strategy in enumerate(strategies)
    ]
    levels = {
        source: _quartiles([_level(recording, source, seed)[0] for seed in range(seeds)])
        for source in (SURROGATE, RECORDED)
    }
    return {
        "machine": machine(),
        "recorded": {**curves.about, "points": len(curves.points)},
        "surrogate": _surrogate(recording).errors(),
        "level": levels,
        "seeds": seeds,
        "searches": searches,
    }


def run_search(job: Job) -> tuple[float, int]:
    """The ratio of one search, infinite if it did not reach the level, and its trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    level, compute = _level(job.recording, job.source, job.seed)
    curves = _curves(job.recording)
    result = _replayed(job, curves, level, limit_of(job.places) * compute)
    return result.compute / compute, result.trials


def _replayed(job: Job, curves: RecordedCurves, level: float, limit: float) -> Replay:
    surrogate = _surrogate(job.recording)
    # The level was drawn with the seed itself.
    rng = np.random.default_rng([job.seed, 1])
    epochs = curves.epochs.tolist()
    sampler_seed = int(rng.integers(2**31))
    order = rng.permutation(len(curves.points)).tolist()
    chooser: InOrder | Suggested
    if job.sampler == RANDOM and job.source == RECORDED:
        chooser = InOrder([_in_order(curves, order)])
    elif job.sampler == RANDOM:
        chooser = InOrder(iter(lambda: surrogate.random(OF_RANDOM, rng), None))
    else:
        sampler = SAMPLERS[job.sampler](sampler_seed, _full())
        if job.source == RECORDED:
            chooser = Ranked(sampler, surrogate.space, curves, order)
        else:

            def measure(point: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
                one = surrogate.measure([point], rng)
                return one.auc[0], one.seconds[0]

            chooser = Suggested(sampler, surrogate.space, epochs, measure)
    return replay(chooser, job.rule, epochs, places=job.places, level=level, limit=limit)


def _in_order(curves: RecordedCurves, order: Sequence[int]) -> RecordedCurves:
    points = tuple(curves.points[place] for place in order)
    return replace(curves, points=points, auc=curves.auc[order], seconds=curves.seconds[order])


@cache
def _curves(recording: str) -> RecordedCurves:
    return as_reported(read_curves(recording))


@cache
def _surrogate(recording: str) -> Surrogate:
    return Surrogate(_curves(recording))


@cache
def _full() -> Any:
    from search_spaces.loading import load_space

    return load_space("full")


@cache
def _level(recording: str, source: str, seed: int) -> tuple[float, float]:
    """What a random search of `OF_RANDOM` trials reaches, and the seconds of so many on average."""
    curves = _curves(recording)
    rng = np.random.default_rng(seed)
    if source == RECORDED:
        scores = chosen_scores(curves.auc.mean(axis=2))
        drawn = rng.choice(len(scores), OF_RANDOM, replace=False)
        return float(scores[drawn].max()), OF_RANDOM * float(curves.seconds.sum(axis=1).mean())
    many = _surrogate(recording).random(OF_RANDOM, rng)
    level = float(chosen_scores(many.auc.mean(axis=2)).max())
    return level, _random_compute(recording)


@cache
def _random_compute(recording: str) -> float:
    many = _surrogate(recording).random(2000, np.random.default_rng(0))
    return OF_RANDOM * float(many.seconds.sum(axis=1).mean())


def _summary(
    strategy: tuple[str, str, Rule, int], results: Sequence[tuple[float, int]]
) -> dict[str, Any]:
    source, sampler, rule, places = strategy
    ratios = [ratio for ratio, _ in results]
    return {
        "source": source,
        "sampler": sampler,
        "rule": asdict(rule),
        "places": places,
        "ratio": _quartiles(ratios),
        "reached": float(np.isfinite(ratios).mean()),
        "trials": float(np.median([trials for _, trials in results])),
    }


def _quartiles(values: Sequence[float]) -> list[float | None]:
    # An order statistic and no interpolation, for some may be infinite.
    found = np.quantile(values, (0.25, 0.5, 0.75), method="higher").tolist()
    return [value if math.isfinite(value) else None for value in found]
