"""The studies of a store, read with as few requests as they need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from model.data.kinds import as_record, of_record
from tuning.ending import Ending
from tuning.metric import AUC, recorded_metric
from tuning.record.client import mlflow_client
from tuning.record.driver import driver_died
from tuning.record.identity import study_experiments
from tuning.record.leaderboard import count_endings, leaderboard_rows
from tuning.record.study_record import runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIED = "its driver died"  # and nobody has gone on with the study since
ENDINGS = "endings"  # tag of a study's run that came to its end: how its trials ended, as JSON
_AT_ONCE = 100  # studies whose runs are asked for in one request


def outcome_tags(runs: Sequence[Any]) -> dict[str, str]:
    """What a study says of its trials at its end, so that nobody has to read them all for it."""
    return {ENDINGS: json.dumps(count_endings(runs))}


def list_studies() -> list[dict[str, Any]]:
    """One row for each study, newest first.

    Keys: ``name``, ``dataset``, ``protocol``, ``status``, ``trials``, ``metric`` (what the study
    maximises), ``best`` (its highest value; None where no trial has a score),
    ``best_auc`` (the same; None for a study of another metric), ``experiment_id``. Of a study that
    came to its end only its own run is read.
    """
    client = mlflow_client()
    experiments = study_experiments(client)
    own = _own_runs(client, [one.experiment_id for one in experiments])
    return [_row(client, one, own.get(one.experiment_id)) for one in experiments]


def _own_runs(client: MlflowClient, experiment_ids: list[str]) -> dict[str, Any]:
    """Each study's own run, by experiment."""
    found = {}
    for first in range(0, len(experiment_ids), _AT_ONCE):
        some = experiment_ids[first : first + _AT_ONCE]
        for run in client.search_runs(some, "tags.kind = 'study'", max_results=2 * _AT_ONCE):
            found[run.info.experiment_id] = run
    return found


def _row(client: MlflowClient, experiment: Any, own: Any | None) -> dict[str, Any]:
    status = own.data.tags.get("status", "running") if own else "running"
    if status == "running" and driver_died(experiment.name):
        status = DIED
    metric = recorded_metric(experiment.tags)
    if own and status == Ending.FINISHED and ENDINGS in own.data.tags:
        trials = sum(json.loads(own.data.tags[ENDINGS]).values())
        best = own.data.metrics.get(metric)
    else:
        runs = runs_of(client, experiment.experiment_id, "tags.kind = 'trial'")
        trials = sum(count_endings(runs).values())
        best = next((row[metric] for row in leaderboard_rows(runs)), None)
    return {
        "name": experiment.name,
        "dataset": experiment.tags["dataset"],
        "kinds": as_record(of_record(experiment.tags.get("kinds"))),
        "protocol": experiment.tags["protocol"],
        "status": status,
        "trials": trials,
        "metric": metric,
        "best": best,
        "best_auc": best if metric == AUC else None,
        "experiment_id": experiment.experiment_id,
    }
