"""The Ray tasks of a confirmation: train configurations and baselines on fresh splits."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.evaluation.ensemble import OutOfFold, combined, evaluate
from model.evaluation.fresh_splits import DevelopmentPart, fresh_folds
from model.evaluation.protocols import Fold, Protocol
from model.evaluation.result import Evaluation
from model.network.autoencoder import Configuration
from tuning.cluster.session import Resources
from tuning.search.baseline_cache import Entry
from tuning.search.worker import worker_device

# Each configuration is trained with so many seeds on every fold, so that the luck of one seed does
# not choose. All of them are one batch: cheap on a GPU, on a CPU nearly so many times the work.
SEEDS = 3


@dataclass(frozen=True)
class OnSplit:
    """One configuration or baseline on one split: each fold's metrics, and the time they took.

    Args:
        folds: a trial's are means over the scores of `SEEDS` models, each scored by itself; that is
            not the score of their mean, an ensemble.
        seconds: mean time of one model, training and scoring, in wall-clock seconds; None for a
            baseline, whose scores may come from the cache.
        weights: number of weights of one model; None for a baseline.
        scores: of each seed what it scored out of fold, where that was asked for; of a baseline
            so many times the same.
    """

    folds: tuple[dict[str, float], ...]
    seconds: float | None
    weights: int | None = None
    scores: tuple[OutOfFold, ...] = ()


def measure_on_fresh_splits(
    part: DevelopmentPart,
    protocol: Protocol,
    configurations: Mapping[str, Configuration],
    baselines: tuple[str, ...],
    seeds: list[int],
    resources: Resources,
    progress: Callable[[int, int], None],
    members: Collection[str] = (),
) -> dict[str, list[OnSplit]]:
    """Every configuration and baseline on every split, a task each, as many at once as fit.

    Nothing of the sealed part goes into a task but the list of pairs that are not to be ranked.

    Args:
        seeds: one for each split: it fixes the partition and the training.
        progress: called with how many tasks are done, and how many there are.
        members: configurations and baselines whose scores are asked for; of baselines the cache
            has none.

    Returns:
        Per name one result per split, in the order of ``seeds``.
    """
    import ray

    part_there, protocol_there = ray.put(part), ray.put(protocol)
    on_gpu = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(_train_task)
    on_cpu = ray.remote(num_cpus=1)(_baseline_task)
    tasks: dict[Any, tuple[str, int]] = {}
    entries: dict[tuple[str, int], Entry] = {}
    results: dict[str, dict[int, OnSplit]] = {}
    for index, seed in enumerate(seeds):
        folds = fresh_folds(part, protocol, seed)
        for name, configuration in configurations.items():
            keep = name in members
            task = on_gpu.remote(configuration, part_there, protocol_there, seed, keep)
            tasks[task] = (name, index)
        for name in baselines:
            entry = Entry.of(name, part.dataset, f"{protocol.name}, fresh", seed, folds)
            keep = name in members
            found = None if keep else entry.read()
            if found is not None:
                results.setdefault(name, {})[index] = OnSplit(found.folds, None)
                continue
            entries[name, index] = entry
            task = on_cpu.remote(name, part_there, protocol_there, seed, keep)
            tasks[task] = (name, index)
    waiting = list(tasks)
    while waiting:
        progress(len(tasks) - len(waiting), len(tasks))
        (done,), waiting = ray.wait(waiting, num_returns=1)
        name, index = tasks[done]
        outcome: OnSplit = ray.get(done)
        results.setdefault(name, {})[index] = outcome
        if (name, index) in entries:
            entries[name, index].write(Evaluation(outcome.folds))
    names = (*configurations, *baselines)
    return {name: [results[name][index] for index in range(len(seeds))] for name in names}


def _train_task(
    configuration: Configuration, part: DevelopmentPart, protocol: Protocol, seed: int, keep: bool
) -> OnSplit:
    from model.training.cross_validation import CrossValidation

    device = worker_device()
    # Each fold several times, and each time with a seed of its own.
    folds = fresh_folds(part, protocol, seed) * SEEDS
    started = time.perf_counter()
    validation = CrossValidation(
        configuration, part.dataset, folds, seed=seed, device=device, keep_scores=keep
    )
    validation.train(configuration.training.epochs)
    evaluation = validation.evaluate()
    seconds = (time.perf_counter() - started) / len(folds)
    return OnSplit(
        mean_over_seeds(evaluation.folds),
        seconds,
        validation.replicas.n_weights,
        _by_seed(validation.out_of_fold()) if keep else (),
    )


def _by_seed(scores: OutOfFold) -> tuple[OutOfFold, ...]:
    """From all folds with the first seed, the second, ... to the folds of each seed."""
    count = len(scores) // SEEDS
    return tuple(scores[first : first + count] for first in range(0, len(scores), count))


def ensemble_on_splits(
    members: Mapping[str, Sequence[OnSplit]],
    weights: Mapping[str, int],
    part: DevelopmentPart,
    protocol: Protocol,
    seeds: Sequence[int],
) -> list[OnSplit]:
    """An ensemble on every split: each metric of a fold is a mean over seeds, as a trial's is.

    Args:
        members: of each its splits, with scores.
        weights: how often each member was chosen.
        seeds: of the splits.
    """
    found = []
    for index, split in enumerate(seeds):
        folds = fresh_folds(part, protocol, split)
        on_split = {name: members[name][index] for name in weights}
        every: list[dict[str, float]] = []
        for k in range(SEEDS):
            library = {name: one.scores[k] for name, one in on_split.items()}
            every += evaluate(combined(library, weights), folds).folds
        known = [one.seconds for one in on_split.values() if one.seconds is not None]
        size = sum(one.weights or 0 for one in on_split.values())
        found.append(OnSplit(mean_over_seeds(tuple(every)), sum(known), size))
    return found


def mean_over_seeds(folds: tuple[dict[str, float], ...]) -> tuple[dict[str, float], ...]:
    """The mean of each metric of each fold, from all folds with the first seed, the second, ..."""
    count = len(folds) // SEEDS
    return tuple(
        {name: float(np.mean([one[name] for one in folds[k::count]])) for name in folds[k]}
        for k in range(count)
    )


def _baseline_task(
    name: str, part: DevelopmentPart, protocol: Protocol, seed: int, keep: bool
) -> OnSplit:
    from model.baselines.registry import BASELINES, baseline_scores

    folds: tuple[Fold, ...] = fresh_folds(part, protocol, seed)
    scores = baseline_scores(BASELINES[name], part.dataset, folds)
    # It has no seed: beside the models of each it is the same.
    return OnSplit(evaluate(scores, folds).folds, None, scores=(scores,) * SEEDS if keep else ())
