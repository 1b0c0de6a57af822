"""Delivering the events of a record to MLflow.

Delivering an event twice changes nothing: a run is looked up by its key before it is created, and
MLflow keeps one of several equal points.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuning.record.events import (
    DAMAGED,
    Event,
    events_from,
    keep_refused,
    read_position,
    save_position,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "mmatune_key"  # tag of a run: which event opened it
_POINTS_AT_ONCE = 1000  # the most metrics that MLflow takes in one request
_REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")  # no retry would help


def deliver(
    folder: Path,
    client: MlflowClient,
    experiment_id: str,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Deliver every event that MLflow does not have yet, in order; how many those were.

    Only one process and thread may do so at a time. An event that MLflow refuses is set aside, see
    `events.refused_file`, so that later ones do not wait for it.

    Args:
        folder: of the events, see `tuning.record.events`.
        stop: asked between requests; true ends the delivery early.

    Raises:
        Exception: whatever the client raises; what was delivered before is not sent again.
    """
    delivered = 0
    offset, runs = read_position(folder)
    while not stop():
        events, end = _next_request(folder, offset)
        if not events:
            break
        _send_or_set_aside(folder, client, experiment_id, events, runs)
        offset = end
        save_position(folder, offset, runs)
        for event in events:
            if event["kind"] == "file":
                Path(event["path"]).unlink(missing_ok=True)
        delivered += len(events)
    return delivered


def _send_or_set_aside(
    folder: Path,
    client: MlflowClient,
    experiment_id: str,
    events: Sequence[Event],
    runs: dict[str, str],
) -> None:
    """Send events; what MLflow refuses of them is set aside alone.

    Points of many runs share a request, and MLflow refuses all of it where one run was deleted in
    its UI. So they are sent again run by run, and those of a run that is refused one by one.
    """
    from mlflow.exceptions import MlflowException

    if events[0]["kind"] == DAMAGED:
        keep_refused(folder, [*events], "the line is damaged")
        return
    try:
        _send(client, experiment_id, events, runs)
    except MlflowException as error:
        if error.error_code not in _REFUSALS:
            raise
        parts = [list(some) for _, some in groupby(sorted(events, key=_run), key=_run)]
        if len(parts) == 1:
            parts = [[event] for event in events]
        if len(parts) == 1:
            keep_refused(folder, [*events], error.message)
            return
        for part in parts:
            _send_or_set_aside(folder, client, experiment_id, part, runs)


def _run(event: Event) -> str:
    run: str = event["run"]
    return run


def deliver_one(
    client: MlflowClient, experiment_id: str, event: Event, runs: dict[str, str]
) -> None:
    """Deliver a single event that is in no file.

    Args:
        runs: MLflow's run id by the key that events use; every opened run is added to it.
    """
    _send(client, experiment_id, [event], runs)


def _next_request(folder: Path, offset: int) -> tuple[list[Event], int]:
    """The next event, or all metrics up to the next other event; and where they end, in bytes."""
    events: list[Event] = []
    for event, end in events_from(folder, offset):
        if events and event["kind"] != "metrics":
            break
        events.append(event)
        offset = end
        if event["kind"] != "metrics":
            break
    return events, offset


def _send(
    client: MlflowClient, experiment_id: str, events: Sequence[Event], runs: dict[str, str]
) -> None:
    """Send one event, or several of the kind "metrics", which share requests."""
    event = events[0]
    if event["kind"] == "open":
        runs[event["run"]] = _open(client, experiment_id, event)
    elif event["kind"] == "metrics":
        _log_metrics(client, events, runs)
    else:
        run_id = _run_id(event, runs)
        _SENDERS[event["kind"]](client, run_id, event)


def _run_id(event: Event, runs: dict[str, str]) -> str:
    """MLflow's own id of the event's run, which the study's own run is known by anyway."""
    key: str = event["run"]
    return runs.get(key, key)


def _open(client: MlflowClient, experiment_id: str, event: Event) -> str:
    """Create the event's run; one that an interrupted delivery created is used again."""
    from mlflow.entities import Param

    found = client.search_runs([experiment_id], f"tags.{KEY} = '{event['run']}'", max_results=1)
    if found:
        run_id = str(found[0].info.run_id)
    else:
        tags = {**event["tags"], KEY: event["run"]}
        run_id = str(client.create_run(experiment_id, event["time"], tags).info.run_id)
    params = [Param(name, value) for name, value in event["params"].items()]
    if params:
        client.log_batch(run_id, params=params)
    return run_id


def _log_metrics(client: MlflowClient, events: Sequence[Event], runs: dict[str, str]) -> None:
    from mlflow.entities import Metric

    points: defaultdict[str, list[Any]] = defaultdict(list)
    for event in events:
        points[_run_id(event, runs)] += [
            Metric(name, value, event["time"], event["step"])
            for name, value in event["values"].items()
        ]
    for run_id, metrics in points.items():
        for start in range(0, len(metrics), _POINTS_AT_ONCE):
            client.log_batch(run_id, metrics=metrics[start : start + _POINTS_AT_ONCE])


def _log_params(client: MlflowClient, run_id: str, event: Event) -> None:
    from mlflow.entities import Param

    params = [Param(name, value) for name, value in event["values"].items()]
    client.log_batch(run_id, params=params)


def _set_tags(client: MlflowClient, run_id: str, event: Event) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(*item) for item in event["values"].items()])


def _reopen(client: MlflowClient, run_id: str, event: Event) -> None:
    client.update_run(run_id, "RUNNING")
    for tag in client.get_run(run_id).data.tags.keys() & {"status", "reason"}:
        client.delete_tag(run_id, tag)


def _delete(client: MlflowClient, run_id: str, event: Event) -> None:
    client.delete_run(run_id)


def _log_text(client: MlflowClient, run_id: str, event: Event) -> None:
    client.log_text(run_id, event["text"], event["file"])


def _log_file(client: MlflowClient, run_id: str, event: Event) -> None:
    path = Path(event["path"])
    if not path.exists():
        return  # uploaded by a process that died before it could save its position
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        named = shutil.copyfile(path, Path(folder) / event["name"])
        client.log_artifact(run_id, str(named), event["folder"])


def _close(client: MlflowClient, run_id: str, event: Event) -> None:
    client.set_terminated(run_id, event["status"], event["time"])


_SENDERS: dict[str, Callable[[MlflowClient, str, Event], None]] = {
    "params": _log_params,
    "tags": _set_tags,
    "reopen": _reopen,
    "delete": _delete,
    "text": _log_text,
    "file": _log_file,
    "close": _close,
}
