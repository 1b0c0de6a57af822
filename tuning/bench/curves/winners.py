"""`bench winners`: what searches hand out, at equal compute, on a fold that chose nothing.

Searches are replayed on recorded curves, as in `tuning.bench.curves.search`. A search sees all
folds of its recording but one; its winner is scored on that one. Each fold is left out in turn.

Shape legend: N points, E reported epochs, K folds, R seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from model.errors import InputError
from model.evaluation.statistics import corrected_resampled_t_test
from search_spaces.loading import load_space
from tuning.bench.curves.processes import in_processes
from tuning.bench.curves.recorded import RecordedCurves, read_curves
from tuning.bench.curves.replaying import Replay, Rule, replay
from tuning.bench.curves.strategies import NEVER, RANKING, SHIPPED, InOrder, Ranked
from tuning.bench.curves.surrogate import as_reported, space_of
from tuning.bench.measuring import machine
from tuning.search.samplers import SAMPLERS

PLACES = 2  # trials at once, as on the laptop that the figures of the documents come from
# Of random search: its name, when its trials are stopped, its compute over the shipped search's.
RIVALS: tuple[tuple[str, Rule, float], ...] = (
    ("random", SHIPPED, 1.0),
    ("random, no trial stopped", NEVER, 1.0),
    ("random, twice the compute", SHIPPED, 2.0),
)


@dataclass(frozen=True)
class Job:
    """Searches of one recording with one number of trials, fold left out and seed."""

    recording: str
    trials: int
    fold: int
    seed: int


def bench_winners(
    recording: str,
    *,
    trials: Sequence[int],
    seeds: int,
    processes: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Replay the shipped search and, with its compute, random search; compare their winners.

    The standard error is Nadeau and Bengio's over the folds, of which each is a mean over the
    seeds: what other data would give is what is uncertain, the luck of a search is averaged out.

    Args:
        trials: of the shipped search, each a number of them.

    Returns:
        ``machine``, ``recorded``, ``seeds`` and ``rows``: ``trials``, ``name``, ``auc`` of the
        winner on the fold left out, ``ahead`` (the shipped search's lead over it, its standard
        error and p value; None of itself) and ``wins`` (share of the seeds and folds in which the
        shipped search's winner is the better one; ties are halves).

    Raises:
        InputError: no such recording, or fewer points than a search needs.
    """
    curves = _curves(recording)
    if len(curves.points) < 2 * max(trials):
        raise InputError(
            f"{recording} has {len(curves.points)} points",
            where="--trials",
            hint=f"up to {len(curves.points) // 2}, so that a choice is left to the last trial",
        )
    folds = curves.auc.shape[2]
    jobs = [
        Job(recording, count, fold, seed)
        for count in trials
        for fold in range(folds)
        for seed in range(seeds)
    ]
    done: list[dict[str, float]] = []
    for result in in_processes(run_searches, jobs, processes):
        done.append(result)
        progress(len(done), len(jobs))
    rows = []
    for number, count in enumerate(trials):
        of_jobs = done[number * folds * seeds : (number + 1) * folds * seeds]
        auc = {  # (K, R)
            name: np.array([one[name] for one in of_jobs]).reshape(folds, seeds)
            for name in of_jobs[0]
        }
        shipped = auc[RANKING]
        for name, values in auc.items():
            rows.append({"trials": count, "name": name, **_compared(shipped, values)})
    return {
        "machine": machine(),
        "recorded": {**curves.about, "points": len(curves.points)},
        "seeds": seeds,
        "rows": rows,
    }


def run_searches(job: Job) -> dict[str, float]:
    """The AUC of each search's winner on the fold left out, by the search's name."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    curves = _curves(job.recording)
    development = replace(curves, auc=np.delete(curves.auc, job.fold, axis=2))
    rng = np.random.default_rng([job.seed, job.fold])
    order = rng.permutation(len(curves.points))
    sampler = SAMPLERS[RANKING](int(rng.integers(2**31)), load_space("full"))
    chooser = Ranked(sampler, space_of(curves.points), development, order.tolist())
    ours = _replayed(chooser, SHIPPED, curves, most=job.trials)
    found = {RANKING: _left_out(ours, curves.auc, job.fold)}
    order = rng.permutation(len(curves.points))  # random's own draw
    shuffled = replace(
        development, auc=development.auc[order], seconds=development.seconds[order], points=()
    )
    for name, rule, share in RIVALS:
        theirs = _replayed(InOrder([shuffled]), rule, curves, limit=share * ours.spent)
        found[name] = _left_out(theirs, curves.auc[order], job.fold)
    return found


def _replayed(
    chooser: InOrder | Ranked,
    rule: Rule,
    curves: RecordedCurves,
    *,
    limit: float = math.inf,
    most: float = math.inf,
) -> Replay:
    epochs = curves.epochs.tolist()
    return replay(chooser, rule, epochs, places=PLACES, level=math.inf, limit=limit, most=most)


def _left_out(found: Replay, auc: np.ndarray, fold: int) -> float:
    """The winner's AUC on the fold that the search did not see, at its chosen epoch."""
    trial, reports = max(found.ended, key=lambda one: one[0].score(one[1]))
    return float(auc[trial.place, trial.chosen(reports), fold])


def _compared(shipped: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    mean = float(other.mean())
    if other is shipped:
        return {"auc": mean, "ahead": None, "wins": None}
    lead = shipped - other
    # A fold of five is a quarter as large as what is trained on.
    test = corrected_resampled_t_test(lead.mean(axis=1), 1 / (len(lead) - 1))
    wins = float((np.sign(lead).mean() + 1) / 2)
    ahead = [test.difference, test.standard_error, test.p_value]
    return {"auc": mean, "ahead": ahead, "wins": wins}


@cache
def _curves(recording: str) -> RecordedCurves:
    return as_reported(read_curves(recording))
