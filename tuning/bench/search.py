"""`bench search`: what TPE and ASHA save, against random search with the same compute.

Trials are trained for real, one after another, and asked and told through the study's own searcher
and scheduler; only Ray is left out, so that compute is counted without idle cores. The space's
starting points are left out too: they are what somebody found before.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import permutations
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds
from search_spaces.schema import SearchSpace
from tuning.bench.measuring import Figure, document
from tuning.ending import Ending, ending
from tuning.metric import AUC


@dataclass(frozen=True)
class Strategy:
    """How to search. ``stopped_as`` is what Optuna is told of a trial that ASHA stopped."""

    name: str
    tpe: bool
    asha: bool
    stopped_as: str = "PRUNED"


RANDOM = Strategy("random", tpe=False, asha=False)
PRODUCT = Strategy("TPE + ASHA", tpe=True, asha=True)
STRATEGIES = (
    PRODUCT,
    Strategy("TPE + ASHA (COMPLETE)", tpe=True, asha=True, stopped_as="COMPLETE"),
    Strategy("TPE", tpe=True, asha=False),
    Strategy("random + ASHA", tpe=False, asha=True),
    RANDOM,
)


@dataclass(frozen=True)
class Progress:
    """A search so far: ``seconds`` of training and evaluation, ``best`` full-budget score."""

    seconds: float
    best: float


def bench_search(
    dataset: AssociationDataset,
    space: SearchSpace,
    *,
    budget: float,
    seeds: Sequence[int],
    processes: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Best development score against compute, of every strategy and seed.

    Args:
        budget: seconds of training and evaluation of each search; the trial that crosses it ends
            the search and counts if it reached its full budget.

    Returns:
        The document of a benchmark. A ratio is the compute after which a strategy has reached what
        random search of the same seed reached with all its budget, over that budget: the median
        over seeds. A seed where it was never reached counts as infinite, and a median that is
        infinite is left out of the ratios; the figures say how many seeds reached it. Random search
        of the other seeds has a ratio too: the luck that a strategy has to beat, far from 1.
    """
    jobs = [(strategy, seed) for strategy in STRATEGIES for seed in seeds]
    runs: dict[tuple[str, int], list[Progress]] = {}
    # Fresh processes: one thread each, and Ray's and torch's state of this one stays here.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {
            pool.submit(run_search, strategy, dataset, space, budget, seed): (strategy, seed)
            for strategy, seed in jobs
        }
        for done, future in enumerate(as_completed(waiting)):
            strategy, seed = waiting[future]
            runs[strategy.name, seed] = future.result()
            progress(done + 1, len(jobs))
    return _summary(runs, seeds)


def run_search(
    strategy: Strategy,
    dataset: AssociationDataset,
    space: SearchSpace,
    budget: float,
    seed: int,
) -> list[Progress]:
    """One search: a point after every trial that reached its full budget."""
    import optuna
    import torch

    from tuning.search.scheduler import StudyScheduler

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    cold = space.model_copy(update={"start_with": []})
    folds = development_folds(dataset, HONEST, seed=0)
    scheduler: Any = StudyScheduler(cold)  # it asks of a controller and a trial next to nothing
    points: list[Progress] = []
    spent, best, number = 0.0, -math.inf, 0
    with tempfile.TemporaryDirectory() as folder:
        searcher = _searcher(strategy, cold, seed, Path(folder))
        while spent < budget:
            trial = SimpleNamespace(trial_id=f"{number:05d}", config={}, status="RUNNING")
            number += 1
            trial.config = searcher.suggest(trial.trial_id)
            scheduler.on_trial_add(None, trial)
            result, seconds = _train(trial, cold, dataset, folds, searcher, scheduler, strategy)
            searcher.on_trial_complete(trial.trial_id, result)
            scheduler.on_trial_complete(None, trial, result)
            spent += seconds
            if ending(result) is Ending.FINISHED and result[AUC] > best:
                best = result[AUC]
            points.append(Progress(spent, best))
    return points


def _train(
    trial: Any,
    space: SearchSpace,
    dataset: AssociationDataset,
    folds: Any,
    searcher: Any,
    scheduler: Any,
    strategy: Strategy,
) -> tuple[dict[str, Any], float]:
    """Train one trial until its budget or ASHA's stop; its last result and its seconds.

    They are the processor's: what else runs on the machine is none of a search's compute.
    """
    from model.training.cross_validation import CrossValidation

    started = time.process_time()
    configuration = space.configuration(trial.config)
    validation = CrossValidation(configuration, dataset, folds, seed=0)
    full = configuration.training.epochs
    while True:
        validation.train(min(space.schedule.report_every, full - validation.epoch))
        result: dict[str, Any] = {
            **validation.evaluate().summary(),
            "epoch": validation.epoch,
            "full_budget": validation.epoch == full,
            "training_iteration": validation.epoch,
        }
        if validation.epoch == full or not math.isfinite(result[AUC]):
            return result, time.process_time() - started
        if strategy.asha and scheduler.on_trial_result(None, trial, result) == scheduler.STOP:
            return {**result, "done": True}, time.process_time() - started
        searcher.on_trial_result(trial.trial_id, result)


def _searcher(strategy: Strategy, space: SearchSpace, seed: int, folder: Path) -> Any:
    from tuning.search.searcher import StudySearch

    class AsComplete(StudySearch):
        """What Ray's own `OptunaSearch` tells: a stopped trial's last score as if it were final."""

        def on_trial_complete(
            self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            finished = {**result, "full_budget": True} if result else result
            super().on_trial_complete(trial_id, finished, error)

    kind = AsComplete if strategy.stopped_as == "COMPLETE" else StudySearch
    sampler = "tpe" if strategy.tpe else "random"
    url = f"sqlite:///{folder / 'optuna.db'}"
    return kind(f"{strategy.name}-{seed}", space, sampler=sampler, seed=seed, storage_url=url)


def _summary(runs: dict[tuple[str, int], list[Progress]], seeds: Sequence[int]) -> dict[str, Any]:
    figures: list[Figure] = []
    ratios: dict[str, float] = {}
    for strategy in STRATEGIES:
        of_seeds = [runs[strategy.name, seed] for seed in seeds]
        bests = [points[-1].best for points in of_seeds]
        finite = [best for best in bests if math.isfinite(best)]
        if finite:
            figures.append(Figure.of(f"{strategy.name}: best AUC", finite, "development AUC"))
        trials = [float(len(points)) for points in of_seeds]
        figures.append(Figure.of(f"{strategy.name}: trials", trials, "trials"))
        pairs = [(seed, seed) for seed in seeds]
        name = strategy.name
        if strategy is RANDOM:
            pairs, name = list(permutations(seeds, 2)), "random, another seed"
        shares = [
            _share(runs[strategy.name, one], runs[RANDOM.name, other]) for one, other in pairs
        ]
        if not shares:
            continue
        reached = [float(sum(map(math.isfinite, shares)))]
        figures.append(Figure.of(f"{name}: reached random", reached, f"of {len(shares)}"))
        if math.isfinite(median(shares)):
            ratios[f"{name}: compute to reach random / random"] = median(shares)
    return document(figures, ratios)


def _share(points: Sequence[Progress], of_random: Sequence[Progress]) -> float:
    """Compute until a search had random's final best, as a share of random's compute."""
    target = of_random[-1].best
    for point in points:
        if math.isfinite(target) and point.best >= target:
            return point.seconds / of_random[-1].seconds
    return math.inf
