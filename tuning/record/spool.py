"""The record on its way to MLflow: events kept on disk first, told to the server beside the study.

A study only ever appends a line to a file. A thread tells MLflow what stands there, in order, and
writes down how far it came; where the server is away it tries again. Whoever finds a study without
a driver goes on from there. Telling an event twice changes nothing: a run is looked for by its key
before it is made a second time, and MLflow keeps one of equal points.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuning.record.job_log import announce, is_submitted

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "mmatune_key"  # tag of a run: which event made it
_EVENTS, _POSITION, _REFUSED, _FILES = "events.jsonl", "position.json", "refused.jsonl", "files"
_POINTS_AT_ONCE = 1000  # MLflow takes no more metrics in one request
_COLLECT = 1.0  # seconds between two looks at the file: points of many trials share a request
_RETRY = (1.0, 10.0)  # seconds after the first failure, and at most

Event = dict[str, Any]


class Spool:
    """The driver's end: append events, and tell them from a thread of its own.

    Args:
        folder: of this study's events; one that is there is gone on with.
    """

    def __init__(self, folder: Path, client: MlflowClient, experiment_id: str) -> None:
        (folder / _FILES).mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.problem: Exception | None = None
        self._target = (client, experiment_id)
        self._lock, self._wake, self._idle = threading.Lock(), threading.Event(), threading.Event()
        self._stopping = False
        _cut_torn_line(folder / _EVENTS)
        # Kept open, and handed to the system line by line: a curve has thousands.
        self._events = (folder / _EVENTS).open("ab", buffering=0)
        if is_submitted():
            for event, _ in events_from(folder):  # who follows this job's log has seen none of it
                announce(event)
        self._thread = threading.Thread(target=self._tell, name="record", daemon=True)
        self._thread.start()

    def append(self, event: Event) -> None:
        """Keep an event; it survives the death of this process."""
        line = (json.dumps(event) + "\n").encode()
        with self._lock:
            self._idle.clear()
            if self._events.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._events.name)
            if is_submitted():
                announce(event)

    def append_file(self, event: Event, path: Path) -> None:
        """Keep an event and the file that it is about, which may go away."""
        kept = self.folder / _FILES / f"{uuid.uuid4().hex}-{path.name}"
        shutil.copyfile(path, kept)
        self.append({**event, "path": str(kept), "name": path.name})

    def drain(self, seconds: float) -> bool:
        """Wait until everything is told; whether it was. A server that is back gets new time."""
        self._wake.set()
        left = pending(self.folder)
        deadline = time.monotonic() + seconds
        while not self._idle.wait(0.05):
            self._wake.set()
            if (now := pending(self.folder)) < left:
                left, deadline = now, time.monotonic() + seconds
            if time.monotonic() > deadline:
                return False
        return True

    def stop(self) -> None:
        """End the thread, told or not; what is left stays on disk."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _tell(self) -> None:
        wait = _COLLECT
        while not self._stopping:
            self._wake.wait(wait)
            self._wake.clear()
            try:
                tell(self.folder, *self._target, stop=lambda: self._stopping)
                self.problem, wait = None, _COLLECT
            except Exception as problem:  # whatever a network, a server and a database can do
                first = self.problem is None
                self.problem, wait = problem, _RETRY[0] if first else min(2 * wait, _RETRY[1])
            with self._lock:
                if not pending(self.folder):
                    self._idle.set()


def tell(
    folder: Path, client: MlflowClient, experiment_id: str, *, stop: Any = lambda: False
) -> int:
    """Tell MLflow everything in a spool that it was not told yet; how many events that were.

    Only one process and thread may do so at a time. Raises whatever the client raises; what was
    told before that is not told again.
    """
    from mlflow.exceptions import MlflowException

    told = 0
    offset, runs = _position(folder)
    while not stop():
        events, end = _next(folder, offset)
        if not events:
            break
        try:
            _tell_some(client, experiment_id, events, runs)
        except MlflowException as error:
            if error.error_code not in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                raise
            # No later try would help, and what follows must not wait for it.
            with (folder / _REFUSED).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"events": events, "error": error.message}) + "\n")
        offset = end
        _save_position(folder, offset, runs)
        for event in events:
            if event["kind"] == "file":
                Path(event["path"]).unlink(missing_ok=True)
        told += len(events)
    return told


def pending(folder: Path) -> int:
    """Bytes of the record that MLflow was not told yet."""
    try:
        return (folder / _EVENTS).stat().st_size - _position(folder)[0]
    except FileNotFoundError:
        return 0


def refused(folder: Path) -> int:
    """How many requests MLflow refused; they are kept in ``refused.jsonl``."""
    path = folder / _REFUSED
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def apply(client: MlflowClient, experiment_id: str, event: Event, runs: dict[str, str]) -> None:
    """Tell MLflow one event.

    Args:
        runs: MLflow's run id by the key that events use; gets another with every opened run.
    """
    _tell_some(client, experiment_id, [event], runs)


def _tell_some(
    client: MlflowClient, experiment_id: str, events: Sequence[Event], runs: dict[str, str]
) -> None:
    """One event, or several of metrics, which share requests."""
    from mlflow.entities import Metric, Param, RunTag

    event = events[0]
    kind = event["kind"]
    run: str = event["run"]
    if kind == "open":
        runs[run] = _opened(client, experiment_id, event)
        params = [Param(name, value) for name, value in event["params"].items()]
        if params:
            client.log_batch(runs[run], params=params)
        return
    if kind == "metrics":
        points: dict[str, list[Any]] = {}
        for one in events:
            points.setdefault(one["run"], []).extend(
                Metric(name, value, one["time"], one["step"])
                for name, value in one["values"].items()
            )
        for key, metrics in points.items():
            for start in range(0, len(metrics), _POINTS_AT_ONCE):
                part = metrics[start : start + _POINTS_AT_ONCE]
                client.log_batch(runs.get(key) or key, metrics=part)
        return
    run_id: str = runs.get(run) or run
    if kind == "params":
        params = [Param(name, value) for name, value in event["values"].items()]
        client.log_batch(run_id, params=params)
    elif kind == "tags":
        tags = [RunTag(name, value) for name, value in event["values"].items()]
        client.log_batch(run_id, tags=tags)
    elif kind == "reopen":
        client.update_run(run_id, "RUNNING")
        for tag in client.get_run(run_id).data.tags.keys() & {"status", "reason"}:
            client.delete_tag(run_id, tag)
    elif kind == "delete":
        client.delete_run(run_id)
    elif kind == "text":
        client.log_text(run_id, event["text"], event["file"])
    elif kind == "file":
        _log_file(client, run_id, event)
    else:
        assert kind == "close", kind
        client.set_terminated(run_id, event["status"], event["time"])


def _opened(client: MlflowClient, experiment_id: str, event: Event) -> str:
    """The run that the event opens; the one it made already, if its telling was cut short."""
    tags = {**event["tags"], KEY: event["run"]}
    found = client.search_runs([experiment_id], f"tags.{KEY} = '{event['run']}'", max_results=1)
    if found:
        return str(found[0].info.run_id)
    return str(client.create_run(experiment_id, event["time"], tags).info.run_id)


def _log_file(client: MlflowClient, run_id: str, event: Event) -> None:
    path = Path(event["path"])
    if not path.exists():
        return  # told before, and the position was lost with the process
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        named = shutil.copyfile(path, Path(folder) / event["name"])
        client.log_artifact(run_id, str(named), event["folder"])


def events_from(folder: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Each event of a spool that begins at ``offset`` or later, and where it ends, in bytes."""
    path = folder / _EVENTS
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return  # still being written, or cut by the death of its process
            offset += len(line)
            yield json.loads(line), offset


def _next(folder: Path, offset: int) -> tuple[list[Event], int]:
    """The events to tell together from ``offset`` on, and where they end."""
    events: list[Event] = []
    for event, end in events_from(folder, offset):
        if events and (event["kind"] != "metrics" or events[0]["kind"] != "metrics"):
            break
        events.append(event)
        offset = end
        if event["kind"] != "metrics":
            break
    return events, offset


def _position(folder: Path) -> tuple[int, dict[str, str]]:
    path = folder / _POSITION
    if not path.exists():
        return 0, {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return document["offset"], document["runs"]


def _save_position(folder: Path, offset: int, runs: dict[str, str]) -> None:
    draft = folder / f"{_POSITION}.draft"
    draft.write_text(json.dumps({"offset": offset, "runs": runs}), encoding="utf-8")
    draft.replace(folder / _POSITION)


def _cut_torn_line(path: Path) -> None:
    if path.exists():
        # Shortened in place: to write it anew might fail half-way, where the disk is full.
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
