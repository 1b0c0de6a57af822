"""The log of a study that runs as a Ray job: what it says there, and how its submitter reads that.

A laptop sees nothing of the head but this log. So the driver also writes there, a line each, those
events of its record (`tuning/record/spool.py`) that a live table is drawn from.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from tuning.ending import METRIC
from tuning.live import PARAMETERS

# In the environment of a submitted study: the version of the mmatune that submitted it.
SUBMITTED_BY = "MMATUNE_SUBMITTED_BY"

_EVENT = '{"kind": '
_LINES = 200  # of what is neither event nor document; enough for a traceback


def is_submitted() -> bool:
    """Whether this process is the driver of a submitted study."""
    return SUBMITTED_BY in os.environ


def announce(event: dict[str, Any]) -> None:
    """Write what a table shows of an event to the job's log."""
    values = event.get("values", {})
    match event["kind"]:
        case "open":
            tags = {name: event["tags"][name] for name in ("kind", "mlflow.runName")}
            params = {name: event["params"][name] for name in PARAMETERS if name in event["params"]}
            shown = {"time": event["time"], "tags": tags, "params": params}
        case "metrics" if METRIC in values:
            shown = {"step": event["step"], "values": {METRIC: values[METRIC]}}
        case "tags" if "status" in values:
            shown = {"values": {"status": values["status"]}}
        case "params" if "trials" in values:
            shown = {"values": {"trials": values["trials"]}}
        case "reopen" | "delete":
            shown = {}
        case _:
            return
    line = json.dumps({"kind": event["kind"], "run": event["run"], **shown})
    # Not to `sys.stdout`, which is somewhere else while Ray Tune prints its banner.
    print(line, file=sys.__stdout__, flush=True)


class JobLog:
    """Takes the log of a ``mmatune tune ... --json`` apart as it comes.

    ``size`` is how many characters it was fed, ``document`` the command's JSON document once it
    is there, ``text`` the last lines that belong neither to it nor to an event.
    """

    def __init__(self) -> None:
        self.size = 0
        self.document: dict[str, Any] | None = None
        self.text: deque[str] = deque(maxlen=_LINES)
        self._rest = ""  # a line that has no end yet
        self._lines: list[str] | None = None  # of a document that has no end yet

    def feed(self, chunk: str) -> Iterator[dict[str, Any]]:
        """The events in what the log got longer by."""
        self.size += len(chunk)
        *lines, self._rest = (self._rest + chunk).split("\n")
        for line in lines:
            if line.startswith(_EVENT):
                yield json.loads(line)
            elif self._lines is not None or line == "{":
                # The document is indented, so only its own braces stand at the left edge.
                self._lines = [*(self._lines or []), line]
                if line == "}":
                    self.document, self._lines = json.loads("\n".join(self._lines)), None
            else:
                self.text.append(line)
