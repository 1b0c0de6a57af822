"""The ensemble of a study's trials, chosen by what each scored out of fold, and its run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.evaluation.ensemble import OutOfFold, combined, evaluate, select
from model.evaluation.folds import Fold
from tuning.ending import Ending
from tuning.record.delivery import KEY
from tuning.record.out_of_fold import FILE, OutOfFoldScores
from tuning.record.study_record import StudyRecord, chosen

if TYPE_CHECKING:
    from mlflow import MlflowClient

KIND = "ensemble"  # of its run and its row
MEMBERS = "members"  # tag of its run: how often each trial was chosen, as JSON


@dataclass(frozen=True)
class Ensemble:
    """A weighted mean of scores of trials, and of baselines if the study let them be members.

    See `model.evaluation.ensemble`.

    Args:
        name: of its run.
        members: how often each trial or baseline was chosen.
        development_score: the study's metric, the mean over the development folds.
        development_sd: over the folds; None for a single one.
    """

    name: str
    members: Mapping[str, int]
    development_score: float
    development_sd: float | None


def counted(members: Mapping[str, int]) -> str:
    """The members of an ensemble as text, with how often each counts: "trial-003 x 2"."""
    return ", ".join(f"{name} x {weight}" for name, weight in members.items())


def record_ensemble(
    record: StudyRecord,
    rows: Sequence[Mapping[str, Any]],
    folds: Sequence[Fold],
    metric: str,
    baselines: Mapping[str, OutOfFold],
) -> bool:
    """Choose an ensemble of a study's trials and give it a run.

    There is none where fewer than two have scores, where none adds to the best, and where no trial
    is in it. The ensemble of a study that went on takes the place of the one before.

    Args:
        rows: the study's leaderboard.
        folds: the development folds.
        metric: the study's.
        baselines: that may be members too, with what they score out of fold.

    Returns:
        Whether there is an ensemble now.
    """
    for row in rows:
        if row["kind"] == KIND:
            record.delete(record.client.get_run(row["run_id"]).data.tags[KEY])
    trials = [(row["name"], row["run_id"], row["epoch"]) for row in rows if row["kind"] == "trial"]
    of_trials = out_of_fold(record.client, trials)
    scores = {**of_trials, **baselines}
    if not of_trials or len(scores) < 2:
        return False
    members = select(scores, folds, metric)
    if len(members) < 2 or not members.keys() & of_trials.keys():
        return False
    summary = evaluate(combined(scores, members), folds).summary()
    tags = {MEMBERS: json.dumps(members)}
    run = record.open_child(KIND, f"ensemble of {len(members)}", {}, tags)
    known = {name: value for name, value in summary.items() if np.isfinite(value)}
    ranked = {chosen(name): value for name, value in known.items()}
    record.log_metrics(run, {**known, **ranked}, step=0)
    record.close(run, Ending.FINISHED)
    return True


def out_of_fold(
    client: MlflowClient, trials: Iterable[tuple[str, str, int | None]]
) -> dict[str, OutOfFold]:
    """What trials scored out of fold at their chosen epochs, by name.

    Those that kept none are left out: of versions before 0.2.0, of large networks, and stopped
    between two checkpoints.

    Args:
        trials: name, run and chosen epoch of each.
    """
    found, path = {}, f"checkpoint/{FILE}"
    for name, run, epoch in trials:
        if epoch is None:
            continue
        if path not in {one.path for one in client.list_artifacts(run, "checkpoint")}:
            continue
        with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
            file = client.download_artifacts(run, path, folder)
            scores = OutOfFoldScores.load(Path(file).parent).at(epoch)
        if scores is not None:
            found[name] = scores
    return found


def recorded_ensemble(
    client: MlflowClient, rows: Sequence[Mapping[str, Any]], metric: str
) -> Ensemble | None:
    """The ensemble of a study.

    Args:
        rows: its leaderboard.
        metric: the study's.
    """
    row = next((row for row in rows if row["kind"] == KIND), None)
    if row is None:
        return None
    tags = client.get_run(row["run_id"]).data.tags
    members = json.loads(tags[MEMBERS])
    return Ensemble(row["name"], members, row[metric], row[f"{metric}_sd"])
