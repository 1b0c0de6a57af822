"""`bench trial`: what an epoch of a fold costs, plain, batched and as published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from tuning.bench.measuring import Figure, document, in_turn, paired_ratio

EPOCHS = 20  # of one repeat
PUBLISHED, PLAIN, ONE, FIVE, MANY = (
    "published structure",
    "plain PyG",
    "batched, 1 fold",
    "batched, 5 folds",
    "batched, 5 folds x 5 seeds",
)


def bench_trial(
    dataset: AssociationDataset,
    *,
    repeats: int,
    device: str,
    threads: int,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """Milliseconds per epoch and fold.

    Plain and batched train the default configuration, which masks associations; the published
    structure masks each direction on its own, with the same layers and widths. Ratios are
    medians of the ratios within one turn. ``5 folds / 1 fold`` compares whole trainings; the others
    compare the time of one epoch and fold.

    Args:
        threads: of torch. A trial of a study has one: many trials at once beat many threads.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        actions, models = _actions(dataset, device)
        seconds = in_turn(actions, repeats, progress)
    finally:
        torch.set_num_threads(before)
    per_fold = {
        name: [1000 * value / (EPOCHS * models[name]) for value in values]
        for name, values in seconds.items()
    }
    unit = "ms per epoch and fold"
    figures = [Figure.of(name, values, unit) for name, values in per_fold.items()]
    ratios = {
        f"{FIVE} / {PLAIN}": paired_ratio(per_fold[FIVE], per_fold[PLAIN]),
        "5 folds / 1 fold": paired_ratio(seconds[FIVE], seconds[ONE]),
        f"{MANY} / {FIVE}": paired_ratio(per_fold[MANY], per_fold[FIVE]),
    }
    if PUBLISHED in per_fold:
        ratios[f"{FIVE} / {PUBLISHED}"] = paired_ratio(per_fold[FIVE], per_fold[PUBLISHED])
    return document(figures, ratios)


def _actions(
    dataset: AssociationDataset, device: str
) -> tuple[dict[str, Callable[[], None]], dict[str, int]]:
    """What to time, and how many models each trains."""
    import torch

    from model.data.similarities import Similarities
    from model.training.plain import Trainer
    from model.training.replicas import Replicas
    from tuning.bench.published import PublishedLoop

    config = Configuration()
    pairs = [fold.train_pairs for fold in development_folds(dataset, HONEST, seed=0)]
    similarities = Similarities.of(dataset, device)

    def batched(pairs: list[np.ndarray]) -> Callable[[], None]:
        replicas = Replicas(config, similarities, pairs, list(range(len(pairs))))

        def action() -> None:
            replicas.train(EPOCHS)
            if device == "cuda":
                torch.cuda.synchronize()

        return action

    def each_epoch(train_epoch: Callable[[], torch.Tensor]) -> Callable[[], None]:
        def action() -> None:
            for _ in range(EPOCHS):
                loss = train_epoch()
            float(loss)  # waits for a GPU

        return action

    actions: dict[str, Callable[[], None]] = {}
    if device == "cpu":  # the published structure is a comparison of the processor's work
        published = PublishedLoop(Configuration.published(), similarities, pairs[0])
        actions[PUBLISHED] = each_epoch(published.train_epoch)
    actions[PLAIN] = each_epoch(Trainer(config, similarities, pairs[0], seed=0).train_epoch)
    actions[ONE] = batched(pairs[:1])
    actions[FIVE] = batched(pairs)
    actions[MANY] = batched(pairs * 5)
    models = {PUBLISHED: 1, PLAIN: 1, ONE: 1, FIVE: len(pairs), MANY: 5 * len(pairs)}
    return actions, models
