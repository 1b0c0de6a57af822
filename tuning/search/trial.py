"""A trial: one configuration trained on all development folds, as Ray Tune runs it.

A trial talks to Ray Tune only. It never sees the sealed part, MLflow or Optuna.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

from ray import tune

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import Fold
from search_spaces.schema import SearchSpace
from tuning.record.out_of_fold import OutOfFoldScores, can_keep
from tuning.search.watchdog import watchdog
from tuning.search.worker import worker_device


def run_trial(
    config: dict[str, Any],
    *,
    dataset: AssociationDataset,
    folds: tuple[Fold, ...],
    space: SearchSpace,
    seed: int,
    metric: str,
    hang_timeout_s: float,
) -> None:
    """Train, report every ``report_every`` epochs, save a checkpoint at each rung and at the end.

    A checkpoint also holds what the trial scored out of fold, see `OutOfFoldScores`.

    Reports ``epoch``, ``full_budget``, ``loss``, the mean and sd over folds of every metric,
    ``seconds`` (wall, since the trial started on this worker), of these
    ``device_seconds`` in training and evaluation and ``setup_seconds`` before the first epoch.
    On a CPU the second is processor time, which other work on the machine does not lengthen.

    Args:
        config: the searched parameters by dotted name.
        metric: the study's; a trial whose score is not finite ends.
        hang_timeout_s: seconds without a report after which the trial is killed.
    """
    # Heavy imports belong here: a reused worker pays for them once, the driver not at all.
    started = time.perf_counter()
    from model.training.cross_validation import CrossValidation

    device = worker_device()
    configuration = space.configuration(config)
    keeps = can_keep(folds)
    validation = CrossValidation(
        configuration, dataset, folds, seed=seed, device=device, keep_scores=keeps
    )
    scores = OutOfFoldScores()
    checkpoint = tune.get_checkpoint()
    if checkpoint:
        with checkpoint.as_directory() as folder:
            validation.load(Path(folder))
            scores = OutOfFoldScores.load(Path(folder))
    budget = configuration.training.epochs
    clock = time.process_time if device == "cpu" else time.perf_counter
    setup, busy = time.perf_counter() - started, 0.0
    with watchdog(hang_timeout_s) as feed:
        while validation.epoch < budget:
            began = clock()
            loss = validation.train(min(space.schedule.report_every, budget - validation.epoch))
            evaluation = validation.evaluate()
            busy += clock() - began
            feed()
            summary = evaluation.summary()
            if keeps:
                scores.add(validation.epoch, summary[metric], validation.out_of_fold())
            metrics: dict[str, Any] = {
                **summary,
                "loss": loss,
                "epoch": validation.epoch,
                "full_budget": validation.epoch == budget,
                "seconds": time.perf_counter() - started,
                "device_seconds": busy,
                "setup_seconds": setup,
                "device": device,
            }
            if validation.epoch == budget or validation.epoch in space.schedule.rungs(budget):
                # Saved before it is reported: a scheduler's stop ends this function in there.
                with tempfile.TemporaryDirectory() as folder:
                    validation.save(Path(folder))
                    if keeps:
                        scores.save(Path(folder))
                    tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))
            else:
                tune.report(metrics)
            if not math.isfinite(metrics[metric]):
                return  # diverged: recorded as failed, and no retry would help
