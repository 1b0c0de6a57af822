"""Recorded trials: the curve and the training time of each, from a real study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from model.errors import InputError
from tuning.ending import Ending
from tuning.metric import AUC

if TYPE_CHECKING:
    from mlflow import MlflowClient

SHIPPED = Path(__file__).with_name("recording.csv")
COLUMNS = ("trial", "epoch", AUC, "seconds", "setup_seconds")


@dataclass(frozen=True)
class Curve:
    """One trial trained to its full budget, report by report.

    Args:
        epochs: of the reports; the last one is the budget.
        scores: development AUC at each.
        seconds: of training and evaluation since the report before.
        setup: seconds before the first epoch.
    """

    epochs: tuple[int, ...]
    scores: tuple[float, ...]
    seconds: tuple[float, ...]
    setup: float


def read_recording(path: Path = SHIPPED) -> list[Curve]:
    """The curves of a file that `write_recording` made."""
    frame = pd.read_csv(path)
    return [
        Curve(
            tuple(one["epoch"]),
            tuple(one[AUC]),
            tuple(one["seconds"]),
            float(one["setup_seconds"].iloc[0]),
        )
        for _, one in frame.groupby("trial")
    ]


def write_recording(curves: Sequence[Curve], path: Path) -> None:
    """A line per report, with the columns `COLUMNS`."""
    lines = [
        (number, epoch, f"{score:.5f}", f"{seconds:.4f}", f"{curve.setup:.4f}")
        for number, curve in enumerate(curves, start=1)
        for epoch, score, seconds in zip(curve.epochs, curve.scores, curve.seconds, strict=True)
    ]
    pd.DataFrame(lines, columns=list(COLUMNS)).to_csv(path, index=False, lineterminator="\n")


def record_study(name: str) -> list[Curve]:
    """The curves of a study in MLflow; trials that failed or were killed are left out.

    Raises:
        InputError: there is no such study, no trial finished, or the scheduler stopped some: how
            their curves go on is unknown, and the others alone would be a choice of the best.
    """
    from tuning.record.client import mlflow_client
    from tuning.record.identity import study_experiment
    from tuning.record.study_record import runs_of

    client = mlflow_client()
    experiment = study_experiment(client, name, "--study")
    runs = runs_of(client, experiment.experiment_id, "tags.kind = 'trial'")
    stopped = sum(run.data.tags.get("status") == Ending.STOPPED for run in runs)
    finished = [run for run in runs if run.data.tags.get("status") == Ending.FINISHED]
    if stopped or not finished:
        found = f"ASHA stopped {stopped}" if stopped else "none finished"
        raise InputError(
            f"of the {len(runs)} trials of {name!r} {found}: whole curves are needed",
            where="--study",
            hint="record a study whose space has schedule.first_rung at its longest budget",
        )
    return [_curve(client, run) for run in finished]


def _curve(client: MlflowClient, run: Any) -> Curve:
    scores, spent = (
        {point.step: point.value for point in client.get_metric_history(run.info.run_id, key)}
        for key in (AUC, "device_seconds")
    )
    epochs = sorted(scores)
    seconds = [spent[epochs[0]]]
    for before, after in pairwise(epochs):
        # The count begins anew where a trial went on from a checkpoint.
        gone = spent[after] - spent[before]
        seconds.append(gone if gone > 0 else spent[after])
    setup = run.data.metrics["setup_seconds"]
    return Curve(tuple(epochs), tuple(scores[one] for one in epochs), tuple(seconds), setup)
