"""Train and measure the configurations of a table under both protocols, as Ray tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from model.baselines.compared.daestb import own_fold_scores
from model.data.datasets import AssociationDataset
from model.evaluation.metrics.table import METRICS, ranking_metrics
from model.evaluation.protocols import PROTOCOLS, development_folds
from model.network.autoencoder import Configuration
from tuning.search.worker import worker_device

Folds = list[dict[str, float]]


def measure(
    dataset: AssociationDataset,
    configurations: Mapping[str, Configuration],
    protocols: Sequence[str],
    seeds: Sequence[int],
    progress: Callable[[int, int], None],
) -> dict[tuple[str, str], list[Folds]]:
    """The metrics of each fold, by row and protocol a list with one entry a seed.

    Call it within a Ray session.

    Args:
        configurations: by the name of their row.
        progress: called with how many trainings are done, and how many there are.
    """
    import ray

    there = ray.put(dataset)
    remote = ray.remote(num_cpus=1)(_measure)
    asked = [(row, protocol) for row in configurations for protocol in protocols]
    tasks: dict[Any, tuple[tuple[str, str], int]] = {
        remote.remote(there, configurations[row], protocol, seed): ((row, protocol), index)
        for index, seed in enumerate(seeds)
        for row, protocol in asked
    }
    found: dict[tuple[str, str], dict[int, Folds]] = {key: {} for key in asked}
    waiting = list(tasks)
    while waiting:
        progress(len(tasks) - len(waiting), len(tasks))
        (done,), waiting = ray.wait(waiting, num_returns=1)
        key, index = tasks[done]
        found[key][index] = ray.get(done)
    return {key: [of_seeds[index] for index in sorted(of_seeds)] for key, of_seeds in found.items()}


def measure_daestb(dataset: AssociationDataset, seeds: Sequence[int]) -> list[Folds]:
    """DAESTB in the cross-validation of its authors, see `own_fold_scores`.

    Its scores are log-odds: a pair counts as predicted from 0 on, a probability of one half.
    """
    return [
        [
            ranking_metrics(scores[known == 1], scores[known == 0], threshold=0.0, balance="as is")
            for scores, known in own_fold_scores(dataset, seed)
        ]
        for seed in seeds
    ]


def _measure(
    dataset: AssociationDataset, configuration: Configuration, protocol: str, seed: int
) -> Folds:
    from model.training.cross_validation import CrossValidation

    device = worker_device()
    folds = development_folds(dataset, PROTOCOLS[protocol], seed)
    validation = CrossValidation(configuration, dataset, folds, seed=seed, device=device)
    validation.train(configuration.training.epochs)
    return list(validation.evaluate().folds)


def percent(seeds: list[Folds]) -> dict[str, tuple[float, float]]:
    """Mean and sd of each metric over all folds and seeds, in percent."""
    folds = [fold for seed in seeds for fold in seed]
    values = {name: np.array([100 * fold[name] for fold in folds]) for name in METRICS}
    return {
        name: (float(of.mean()), float(of.std(ddof=1)) if len(of) > 1 else 0.0)
        for name, of in values.items()
    }
