"""The Ray tasks of a confirmation: train configurations and baselines on fresh splits."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from model.evaluation.fresh_splits import DevelopmentPart, fresh_folds
from model.evaluation.protocols import Fold, Protocol
from model.evaluation.result import Evaluation
from model.network.autoencoder import Configuration
from tuning.cluster.session import Resources
from tuning.search.baseline_cache import Entry
from tuning.search.worker import worker_device


@dataclass(frozen=True)
class OnSplit:
    """One configuration or baseline on one split: each fold's metrics, and the time they took.

    ``seconds`` is the mean time of a fold, training and scoring, in wall-clock seconds; None for a
    baseline, whose scores may come from the cache.
    """

    folds: tuple[dict[str, float], ...]
    seconds: float | None


def measure_on_fresh_splits(
    part: DevelopmentPart,
    protocol: Protocol,
    configurations: Mapping[str, Configuration],
    baselines: tuple[str, ...],
    seeds: list[int],
    resources: Resources,
    progress: Callable[[int, int], None],
) -> dict[str, list[OnSplit]]:
    """Every configuration and baseline on every split, a task each, as many at once as fit.

    Nothing of the sealed part goes into a task but the list of pairs that are not to be ranked.

    Args:
        seeds: one for each split: it fixes the partition and the training.
        progress: called with how many tasks are done, and how many there are.

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
            tasks[on_gpu.remote(configuration, part_there, protocol_there, seed)] = (name, index)
        for name in baselines:
            entry = Entry.of(name, part.dataset, f"{protocol.name}, fresh", seed, folds)
            found = entry.read()
            if found is not None:
                results.setdefault(name, {})[index] = OnSplit(found.folds, None)
                continue
            entries[name, index] = entry
            tasks[on_cpu.remote(name, part_there, protocol_there, seed)] = (name, index)
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
    configuration: Configuration, part: DevelopmentPart, protocol: Protocol, seed: int
) -> OnSplit:
    from model.training.cross_validation import CrossValidation

    device = worker_device()
    folds = fresh_folds(part, protocol, seed)
    started = time.perf_counter()
    validation = CrossValidation(configuration, part.dataset, folds, seed=seed, device=device)
    validation.train(configuration.training.epochs)
    evaluation = validation.evaluate()
    return OnSplit(evaluation.folds, (time.perf_counter() - started) / len(folds))


def _baseline_task(name: str, part: DevelopmentPart, protocol: Protocol, seed: int) -> OnSplit:
    from model.baselines.registry import BASELINES, evaluate_baseline

    folds: tuple[Fold, ...] = fresh_folds(part, protocol, seed)
    return OnSplit(evaluate_baseline(BASELINES[name], part.dataset, folds).folds, None)
