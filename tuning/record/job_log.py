"""The log of a study that runs as a Ray job: what its driver writes, and how a laptop reads it.

A laptop sees nothing of the head but this log. So the driver also writes there, a line each, those
events of its record (`tuning/record/events.py`) that a live table is drawn from.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tuning.live import PARAMETERS
from tuning.metric import AUC, recorded_metric

# In the environment of a submitted study: the version of the mmatune that submitted it.
SUBMITTED_BY = "MMATUNE_SUBMITTED_BY"

_EVENT = '{"kind": '
_TAGS = ("kind", "mlflow.runName", "metric")
_LINES = 200  # kept of the lines that are neither event nor document: enough for a traceback


def is_submitted() -> bool:
    """Whether this process is the driver of a submitted study."""
    return SUBMITTED_BY in os.environ


class Announcer:
    """Writes what a live table shows of each event to the job's log.

    Of the metrics that is the study's own, which the events that open runs name.
    """

    def __init__(self) -> None:
        self._metric = AUC

    def announce(self, event: dict[str, Any]) -> None:
        """Write the event's line, if a table shows anything of it. Events come in their order."""
        shown = self._shown(event)
        if shown is not None:
            line = json.dumps({"kind": event["kind"], "run": event["run"], **shown})
            # Not to `sys.stdout`, which is somewhere else while Ray Tune prints its banner.
            print(line, file=sys.__stdout__, flush=True)

    def _shown(self, event: dict[str, Any]) -> dict[str, Any] | None:
        values = event.get("values", {})
        match event["kind"]:
            case "open":
                self._metric = recorded_metric(event["tags"])
                tags = {name: event["tags"][name] for name in _TAGS if name in event["tags"]}
                own = event["params"]
                params = {name: own[name] for name in PARAMETERS if name in own}
                return {"time": event["time"], "tags": tags, "params": params}
            case "metrics" if self._metric in values:
                return {"step": event["step"], "values": {self._metric: values[self._metric]}}
            case "tags" if "status" in values:
                return {"values": {"status": values["status"]}}
            case "params" | "tags" if "trials" in values:
                return {"values": {"trials": values["trials"]}}
            case "reopen" | "delete":
                return {}
        return None


class JobLog:
    """Parses the log of a ``mmatune tune ... --json`` while it grows.

    ``size`` is how many characters it was fed, ``document`` the command's JSON document once it
    is there, ``text`` the last lines that belong neither to it nor to an event.
    """

    def __init__(self) -> None:
        self.size = 0
        self.document: dict[str, Any] | None = None
        self.text: deque[str] = deque(maxlen=_LINES)
        self._rest = ""  # the beginning of a line whose end has not come yet
        self._lines: list[str] | None = None  # of a document whose end has not come yet

    def feed(self, chunk: str) -> Iterator[dict[str, Any]]:
        """The events in the next piece of the log."""
        self.size += len(chunk)
        *lines, self._rest = (self._rest + chunk).split("\n")
        for line in lines:
            if line.startswith(_EVENT):
                with suppress(ValueError):  # a line that two processes wrote into
                    yield json.loads(line)
            elif self._lines is not None or line == "{":
                # The document is indented, so only its own braces stand at the left edge.
                self._lines = [*(self._lines or []), line]
                if line == "}":
                    self.document, self._lines = json.loads("\n".join(self._lines)), None
            else:
                self.text.append(line)
