"""`bench study`: how much of a study's time is training, and where the rest goes."""

from __future__ import annotations

import cProfile
import os
import pstats
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tuning.bench.measuring import Figure, document, own_home
from tuning.home import artifact_root
from tuning.metric import AUC
from tuning.record import delivery, spool
from tuning.record.driver_lock import spool_folder

CURVE = "logging a curve of 1000 points"


def bench_study(
    dataset: AssociationDataset, space_name: str, space: SearchSpace, trials: int
) -> dict[str, Any]:
    """Run one study in a home of its own, thrown away afterwards.

    ``useful compute`` is training and evaluation of all trials over (workers x wall), where wall is
    from the first trial's start to the last one's end; ``of the command`` counts everything from
    the baselines to the registered model. MLflow's share is what the study waits in MLflow's client
    over the wall of the command; the thread that tells it the record works beside the study, and
    ``beside it`` is that thread's processor time over (cores x wall). ``logging a curve`` is what
    the study pays for 1000 points of one metric: the lines on disk.
    """
    from tuning.plan import StudyPlan
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import runs_of
    from tuning.study import run_study

    with own_home():
        plan = StudyPlan("bench", dataset, HONEST, space_name, space, trials, 0, None)
        profile = cProfile.Profile()
        began = time.perf_counter()
        with _delivery_seconds() as beside:
            profile.enable()
            result = run_study(plan)
            profile.disable()
        whole = time.perf_counter() - began
        client = mlflow_client()
        runs = runs_of(client, result.experiment_id, "tags.kind = 'trial'")
        counts = [len(client.get_metric_history(run.info.run_id, AUC)) for run in runs]
        curves = logging_a_curve(repeats=5)
    workers = len(os.sched_getaffinity(0))
    started = min(run.info.start_time for run in runs) / 1000
    wall = max(run.info.end_time for run in runs) / 1000 - started
    metrics = [run.data.metrics for run in runs]
    busy = sum(one["device_seconds"] for one in metrics)
    setups = [one["setup_seconds"] for one in metrics]
    # What a trial does beside training, evaluating and setting up: it reports, and waits for that.
    reports = [
        1000 * (one["seconds"] - one["device_seconds"] - one["setup_seconds"]) / count
        for one, count in zip(metrics, counts, strict=True)
    ]
    figures = [
        Figure.of("wall of the search", [wall], "s"),
        Figure.of("wall of the command", [whole], "s"),
        Figure.of("training and evaluation", [busy], "s, all trials"),
        Figure.of("set-up of a trial, imports aside", setups, "s"),
        Figure.of("a report", reports, "ms"),
        Figure.of(CURVE, curves, "ms of the study's thread"),
    ]
    ratios = {
        "useful compute": busy / (workers * wall),
        "useful compute, of the command": busy / (workers * whole),
        "MLflow's share": _time_in(profile, ("mlflow/tracking/client.py",)) / whole,
        "MLflow, beside it": sum(beside) / (workers * whole),
        "median trial / mean trial": median(one["device_seconds"] for one in metrics)
        * len(metrics)
        / busy,
    }
    return document(figures, ratios)


def logging_a_curve(*, repeats: int) -> list[float]:
    """Processor milliseconds of this thread, for 1000 points of one metric; in the current home."""
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import StudyRecord

    name = "bench-curve"
    record = StudyRecord.create(
        mlflow_client(),
        name,
        tags={"study": name},
        params={},
        artifact_location=artifact_root() / name,
        spool=spool_folder(name),
    )
    assert record.spool is not None
    found = []
    for turn in range(repeats):
        run = record.open_child("trial", f"curve-{turn}", {})
        began = time.thread_time()
        for epoch in range(1000):
            record.log_metrics(run, {AUC: 0.5}, step=epoch)
        found.append(1000 * (time.thread_time() - began))
    record.spool.drain(60)
    record.spool.stop()
    return found


@contextmanager
def _delivery_seconds() -> Iterator[list[float]]:
    """Processor seconds of the record's thread, one entry for each delivery to MLflow."""
    seconds: list[float] = []

    def timed(*arguments: Any, **options: Any) -> int:
        began = time.thread_time()
        try:
            return delivery.deliver(*arguments, **options)
        finally:
            seconds.append(time.thread_time() - began)

    with patch.object(spool, "deliver", timed):
        yield seconds


def _time_in(profile: cProfile.Profile, files: tuple[str, ...]) -> float:
    """Seconds in the functions of some files and whatever they call, outermost calls only."""
    stats: Any = pstats.Stats(profile)
    total = 0.0
    for (file, _, _), (_, _, _, cumulative, callers) in stats.stats.items():
        outermost = not any(caller[0].endswith(files) for caller in callers)
        if file.endswith(files) and outermost:
            total += cumulative
    return total
