"""The record of a study in MLflow: an experiment, a run for the study, a child run per trial.

Only the driver writes it; trials never talk to MLflow. `docs/record.md` tells what is in it.
"""

from __future__ import annotations

import getpass
import json
import os
import tempfile
import time
import uuid
from collections.abc import Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import InputError
from model.evaluation.metrics.table import METRICS
from tuning.ending import Ending
from tuning.metric import recorded_metric
from tuning.record.client import all_pages
from tuning.record.delivery import deliver_one
from tuning.record.events import pending
from tuning.record.spool import Spool

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What MLflow calls the end of a run. A trial that was stopped early is not one that finished.
_MLFLOW_STATUS = {
    Ending.FINISHED: "FINISHED",
    Ending.STOPPED: "KILLED",
    Ending.FAILED: "FAILED",
    Ending.KILLED: "KILLED",
}
CONFIRMATION = "confirmation.json"  # of the study's own run
NOTE = "mlflow.note.content"  # tag that MLflow shows as a description; markdown
_TIMES = ("seconds", "device_seconds", "setup_seconds")


# Tag of a study's run: how many trials it is to have, where it goes on with more than its parameter
# ``trials`` says, which MLflow never changes.
TRIALS = "trials"
CHOSEN_EPOCH = "chosen_epoch"


def chosen(metric: str) -> str:
    """Of a trial that finished or was stopped: the metric at its chosen epoch, which ranks it.

    A baseline, which has no epochs, has its score under this name too: MLflow's tables order runs
    by one name.
    """
    return f"chosen_{metric}"


def best_curve(metric: str) -> str:
    """Of the study's own run: the best chosen score of the trials so far."""
    return f"best_{metric}"


def baseline_curve(metric: str) -> str:
    """Of the study's own run: the best score of the baselines."""
    return f"baseline_{metric}"


@cache
def _curves() -> list[str]:
    """Everything that a report may hold and the record keeps."""
    named = [(name, f"{name}_sd", best_curve(name), baseline_curve(name)) for name in METRICS]
    at_choice = [(chosen(name), chosen(f"{name}_sd")) for name in METRICS]
    return [*chain.from_iterable([*named, *at_choice]), CHOSEN_EPOCH, "loss", *_TIMES]


class StudyRecord:
    """Writes one study's runs.

    Args:
        client: of the tracking store.
        experiment_id: the study's experiment.
        run_id: the study's own run, parent of all others.
        tags: put on every run, so that each can be understood and found alone.
        spool: keeps events on disk and delivers them to MLflow from a thread; without one they are
            delivered at once.
    """

    def __init__(
        self,
        client: MlflowClient,
        experiment_id: str,
        run_id: str,
        tags: Mapping[str, str],
        spool: Spool | None = None,
    ) -> None:
        self.client = client
        self.experiment_id = experiment_id
        self.run_id = run_id
        self.tags = dict(tags)
        self.spool = spool

    @classmethod
    def create(
        cls,
        client: MlflowClient,
        study: str,
        *,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        artifact_location: Path | None,
        spool: Path | None = None,
    ) -> StudyRecord:
        """Make the experiment and the study's run; for this the store must answer.

        Args:
            artifact_location: folder of the experiment's artifacts on the embedded store, None
                where a server keeps them.
            spool: folder of the events that follow, see `tuning/record/events.py`.
        """
        location = artifact_location.as_uri() if artifact_location else None
        experiment_id = client.create_experiment(study, artifact_location=location, tags=dict(tags))
        own = {**tags, **_origin(), "kind": "study", "mlflow.runName": study}
        run = client.create_run(experiment_id, tags=own)
        events = Spool(spool, client, experiment_id) if spool else None
        record = cls(client, experiment_id, run.info.run_id, tags, events)
        record.log_params(run.info.run_id, params)
        return record

    def open_child(
        self, kind: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str] | None = None
    ) -> str:
        """Start the run of a trial or a baseline; the key that the other methods take."""
        tags = {
            **self.tags,
            **(tags or {}),
            **_origin(),
            NOTE: _note(self.tags, kind, name),
            "kind": kind,
            "mlflow.runName": name,
            "mlflow.parentRunId": self.run_id,
        }
        event = {"kind": "open", "run": uuid.uuid4().hex, "tags": tags, "time": _now()}
        event["params"] = {name: str(value) for name, value in params.items()}
        return self._write(event)

    def reopen(self, run: str) -> None:
        """Set a run that ended with its driver back to running."""
        self._write({"kind": "reopen", "run": run})

    def delete(self, run: str) -> None:
        """Delete a run; MLflow keeps deleted runs until its `gc`."""
        self._write({"kind": "delete", "run": run})

    def log_params(self, run: str, params: Mapping[str, Any]) -> None:
        """All parameters in one request."""
        values = {name: str(value) for name, value in params.items()}
        self._write({"kind": "params", "run": run, "values": values})

    def log_metrics(self, run: str, result: Mapping[str, Any], *, step: int) -> None:
        """Every metric of a report, with the epoch as step; what is NaN or None is left out."""
        values = {
            name: float(result[name])
            for name in _curves()
            if result.get(name) is not None and result[name] == result[name]
        }
        event = {"kind": "metrics", "run": run, "step": step, "time": _now(), "values": values}
        self._write(event)

    def log_json(self, run: str, document: Any, file: str) -> None:
        """Keep a document with a run."""
        text = json.dumps(document, indent=2)
        self._write({"kind": "text", "run": run, "text": text, "file": file})

    def log_file(self, run: str, path: Path, folder: str) -> None:
        """Keep a file with a run, in a folder of its artifacts."""
        if self.spool:
            self.spool.append_file({"kind": "file", "run": run, "folder": folder}, path)
        else:
            self.client.log_artifact(run, str(path), folder)

    def set_tags(self, run: str, tags: Mapping[str, str]) -> None:
        """Put tags on a run."""
        self._write({"kind": "tags", "run": run, "values": dict(tags)})

    def close(self, run: str, ended: Ending, *, reason: str = "") -> None:
        """End a run: its status, the tag ``status`` that says it in words, and why."""
        self.set_tags(run, {"status": ended.value, **({"reason": reason} if reason else {})})
        self._write({"kind": "close", "run": run, "status": _MLFLOW_STATUS[ended], "time": _now()})

    def wait(self, seconds: float) -> None:
        """Wait until MLflow has everything.

        Args:
            seconds: to wait without any progress.

        Raises:
            InputError: it did not answer for so long; what it does not have stays on disk.
        """
        if self.spool and not self.spool.drain(seconds):
            raise InputError(
                f"MLflow does not have all of the record: {pending(self.spool.folder)} bytes of it"
                f" wait on disk ({type(self.spool.problem).__name__})",
                where=f"study {self.tags.get('study')}",
                hint="once the server answers, `mmatune study sync` delivers the rest",
            ) from self.spool.problem

    def close_leftovers(self, reason: str) -> int:
        """Mark every run of the study that is still open as killed; how many there were."""
        running = "attributes.status = 'RUNNING'"
        open_runs = runs_of(self.client, self.experiment_id, running)
        for run in open_runs:
            self.close(run.info.run_id, Ending.KILLED, reason=reason)
        return len(open_runs)

    def _write(self, event: dict[str, Any]) -> str:
        """Keep or deliver an event; the name by which later events have to call its run."""
        run: str = event["run"]
        if self.spool:
            self.spool.append(event)
            return run
        runs: dict[str, str] = {}
        deliver_one(self.client, self.experiment_id, event, runs)
        return runs.get(run, run)


def _origin() -> dict[str, str]:
    """What MLflow's columns "User" and "Source" show."""
    try:
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return {"mlflow.user": user, "mlflow.source.name": "mmatune", "mlflow.source.type": "LOCAL"}


def _note(study_tags: Mapping[str, str], kind: str, name: str) -> str:
    """What is said on the page of a trial, a baseline, or a configuration on fresh splits."""
    study, metric = study_tags.get("study", ""), recorded_metric(study_tags)
    if kind == "trial":
        number = name.partition(" ")[0]  # without "(published)"
        return (
            f"A configuration of the study {study}. `{metric}` is its curve, the mean over the"
            f" development folds; `{chosen(metric)}`, which ranks it, is the score at the epoch"
            f" chosen from the curve, `{CHOSEN_EPOCH}`.\n\n**Again, the same to the last bit**\n\n"
            f"    mmatune train --from-run {study}/{number}\n"
        )
    if kind == "ensemble":
        return (
            f"A weighted mean of trials of the study {study}, chosen by what they scored out of"
            " fold; the tag `members` says how often each counts. It was chosen by its score, which"
            f" is optimistic: `mmatune confirm {study}` measures it on fresh splits."
        )
    if kind == "baseline":
        return (
            f"A baseline on the development folds of the study {study}: what trials have to beat."
        )
    return (
        f"Of the study {study}, on fresh splits of its development associations, a step for each;"
        " the last step is over all. Compare it with others of the kind `confirm` alone."
    )


def _now() -> int:
    return int(time.time() * 1000)


def runs_of(client: MlflowClient, experiment_id: str, where: str = "") -> list[Any]:
    """The runs of a study, oldest first; ``where`` is a filter in MLflow's language."""
    order = ["attributes.start_time ASC"]
    return list(all_pages(client.search_runs, [experiment_id], where, order_by=order))


def recorded_confirmation(client: MlflowClient, experiment_id: str) -> dict[str, Any] | None:
    """The document of a study's latest confirmation; None where it was not confirmed."""
    for run in runs_of(client, experiment_id, "tags.kind = 'study'"):
        if (found := recorded_json(client, run.info.run_id, CONFIRMATION)) is not None:
            return dict(found)
    return None


def recorded_json(client: MlflowClient, run_id: str, name: str) -> Any | None:
    """What a JSON artifact at the top of a run holds; None where there is none of this name."""
    if name not in {file.path for file in client.list_artifacts(run_id)}:
        return None
    with tempfile.TemporaryDirectory() as folder:
        text = Path(client.download_artifacts(run_id, name, folder)).read_text(encoding="utf-8")
    return json.loads(text)
