"""The driver's end of the record: events go to disk first, and to MLflow from a thread.

A study only appends a line to a file, so it never waits for a server. The thread delivers what
stands there and tries again where the server is away. If the driver dies, the next command on its
home delivers the rest (`tuning/record/driver_lock.py`).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from tuning.record.delivery import deliver
from tuning.record.events import EVENTS, FILES, Event, cut_torn_line, events_from, pending
from tuning.record.job_log import Announcer, is_submitted

if TYPE_CHECKING:
    from mlflow import MlflowClient

_COLLECT_S = 1.0  # between two deliveries, so that points of many trials share a request
_RETRY_S = (1.0, 10.0)  # after the first failure, doubled at every further one, and at most


class Spool:
    """Appends events and delivers them from a thread of its own.

    Args:
        folder: of this study's events. Where it has some already, the new ones follow them.
    """

    def __init__(self, folder: Path, client: MlflowClient, experiment_id: str) -> None:
        (folder / FILES).mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.problem: Exception | None = None
        self._target = (client, experiment_id)
        self._lock, self._wake, self._idle = threading.Lock(), threading.Event(), threading.Event()
        self._stopping = False
        cut_torn_line(folder)
        # Kept open and unbuffered: a curve has thousands of lines, each to survive this process.
        self._events = (folder / EVENTS).open("ab", buffering=0)
        self._announcer = Announcer() if is_submitted() else None
        if self._announcer:
            for event, _ in events_from(folder):  # this job's log has none of the events so far
                self._announcer.announce(event)
        self._thread = threading.Thread(target=self._keep_delivering, name="record", daemon=True)
        self._thread.start()

    def append(self, event: Event) -> None:
        """Keep an event; it survives the death of this process."""
        line = (json.dumps(event) + "\n").encode()
        with self._lock:
            self._idle.clear()
            if self._events.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._events.name)
            if self._announcer:
                self._announcer.announce(event)

    def append_file(self, event: Event, path: Path) -> None:
        """Keep an event and a copy of the file it is about; the file itself may be removed."""
        kept = self.folder / FILES / f"{uuid.uuid4().hex}-{path.name}"
        shutil.copyfile(path, kept)
        self.append({**event, "path": kept.name, "name": path.name})

    def drain(self, seconds: float) -> bool:
        """Wait until everything is delivered; whether it was.

        Args:
            seconds: to wait without any progress. Every delivery starts the wait anew.
        """
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
        """End the thread; what was not delivered stays on disk."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _keep_delivering(self) -> None:
        wait = _COLLECT_S
        while not self._stopping:
            self._wake.wait(wait)
            self._wake.clear()
            try:
                deliver(self.folder, *self._target, stop=lambda: self._stopping)
                self.problem, wait = None, _COLLECT_S
            except Exception as problem:  # whatever a network, a server and a database can raise
                first = self.problem is None
                self.problem, wait = problem, _RETRY_S[0] if first else min(2 * wait, _RETRY_S[1])
            with self._lock:
                if not pending(self.folder):
                    self._idle.set()
