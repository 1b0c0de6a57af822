"""The record of a study in MLflow: an experiment, a run for the study, a child run per trial.

Only the driver writes it; trials never talk to MLflow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.metrics import METRICS
from tuning.ending import Ending

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What MLflow calls the end of a run. A trial that was stopped early is not one that finished.
_MLFLOW_STATUS = {
    Ending.FINISHED: "FINISHED",
    Ending.STOPPED: "KILLED",
    Ending.FAILED: "FAILED",
    Ending.KILLED: "KILLED",
}
_TIMES = ("seconds", "device_seconds", "setup_seconds")
_CURVES = (*METRICS, *(f"{name}_sd" for name in METRICS), "loss", *_TIMES)


class StudyRecord:
    """Writes one study's runs.

    Args:
        client: of the tracking store.
        experiment_id: the study's experiment.
        run_id: the study's own run, parent of all others.
        tags: put on every run, so that each can be understood and found alone.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, run_id: str, tags: Mapping[str, str]
    ) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.run_id = run_id
        self.tags = dict(tags)

    @classmethod
    def create(
        cls,
        client: MlflowClient,
        study: str,
        *,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        artifact_location: Path | None,
    ) -> StudyRecord:
        """Make the experiment and the study's run.

        Args:
            artifact_location: folder of the experiment's artifacts on the embedded store, None
                where a server keeps them.
        """
        location = artifact_location.as_uri() if artifact_location else None
        experiment_id = client.create_experiment(study, artifact_location=location, tags=dict(tags))
        own = {**tags, "kind": "study", "mlflow.runName": study}
        run = client.create_run(experiment_id, tags=own)
        record = cls(client, experiment_id, run.info.run_id, tags)
        record.log_params(run.info.run_id, params)
        return record

    def open_child(self, kind: str, name: str, params: Mapping[str, Any]) -> str:
        """Start the run of a trial or a baseline; its run id."""
        tags = {
            **self.tags,
            "kind": kind,
            "mlflow.runName": name,
            "mlflow.parentRunId": self.run_id,
        }
        run = self.client.create_run(self.experiment_id, tags=tags)
        self.log_params(run.info.run_id, params)
        return run.info.run_id

    def log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """All parameters in one request."""
        from mlflow.entities import Param

        values = [Param(name, str(value)) for name, value in params.items()]
        self.client.log_batch(run_id, params=values)

    def log_metrics(self, run_id: str, result: Mapping[str, Any], *, step: int) -> None:
        """Every metric of a report in one request, with the epoch as step; NaN is left out."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(result[name]), now, step)
            for name in _CURVES
            if name in result and result[name] == result[name]
        ]
        self.client.log_batch(run_id, metrics=metrics)

    def log_json(self, run_id: str, document: Any, file: str) -> None:
        """Keep a document with a run."""
        self.client.log_text(run_id, json.dumps(document, indent=2), file)

    def close(self, run_id: str, ended: Ending, *, reason: str = "") -> None:
        """End a run: its status, the tag ``status`` that says it in words, and why."""
        self.client.set_tag(run_id, "status", ended.value)
        if reason:
            self.client.set_tag(run_id, "reason", reason)
        self.client.set_terminated(run_id, _MLFLOW_STATUS[ended])

    def close_leftovers(self, reason: str) -> int:
        """Mark every run of the study that is still open as killed; how many there were."""
        running = "attributes.status = 'RUNNING'"
        open_runs = runs_of(self.client, self.experiment_id, running)
        for run in open_runs:
            self.close(run.info.run_id, Ending.KILLED, reason=reason)
        return len(open_runs)


def runs_of(client: MlflowClient, experiment_id: str, where: str = "") -> list[Any]:
    """The runs of a study, oldest first; ``where`` is a filter in MLflow's language."""
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], where, order_by=["attributes.start_time ASC"], page_token=token
        )
        runs.extend(page)
        token = page.token
        if not token:
            return runs
