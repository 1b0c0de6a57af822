"""Follow a study from outside its driver: its record is replayed into the live table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from model.data.kinds import of_record
from model.evaluation.epoch_choice import choose_epoch
from tuning.ending import Ending
from tuning.live import LiveTable
from tuning.metric import recorded_metric
from tuning.record.driver import is_driven
from tuning.record.driver_lock import spool_folder
from tuning.record.events import events_from
from tuning.record.study_record import TRIALS

_POLL_S = 0.5  # between two readings of the record


class Replay:
    """Draws a study's live table from the events of its record, in any process."""

    def __init__(self, study: str) -> None:
        self.table = LiveTable(study)
        self._baselines: dict[str, str] = {}  # names by run
        self._curves: dict[str, dict[int, float]] = {}  # scores by epoch, by run
        self._started: float | None = None

    def see(self, event: Mapping[str, Any]) -> None:
        """Take in one event of `tuning/record/events.py`; they come in the order of the file."""
        if event["kind"] == "open":
            self._open(event)
        elif event["run"] in self.table.rows:
            self._see_trial(event)
        elif event["run"] in self._baselines:
            self._see_baseline(event)
        else:
            self._see_study(event)

    def _open(self, event: Mapping[str, Any]) -> None:
        if self._started is None:
            self._started = self.table.started = event["time"] / 1000
        self.table.metric = recorded_metric(event["tags"])
        self.table.kinds = of_record(event["tags"].get("kinds"))
        name = event["tags"]["mlflow.runName"]
        if event["tags"]["kind"] == "baseline":
            self._baselines[event["run"]] = name
        elif event["tags"]["kind"] == "trial":
            self.table.start(event["run"], name, event["params"], event["time"] / 1000)

    def _see_trial(self, event: Mapping[str, Any]) -> None:
        values = event.get("values", {})
        if event["kind"] == "metrics" and self.table.metric in values:
            curve = self._curves.setdefault(event["run"], {})
            curve[event["step"]] = values[self.table.metric]
            self.table.report(event["run"], event["step"], choose_epoch(curve))
        elif event["kind"] == "reopen":
            self.table.rows[event["run"]]["status"] = "running"
        elif event["kind"] == "delete":
            del self.table.rows[event["run"]]
        elif event["kind"] == "tags" and "status" in values:
            self.table.end(event["run"], Ending(values["status"]))

    def _see_baseline(self, event: Mapping[str, Any]) -> None:
        score = event.get("values", {}).get(self.table.metric)
        if event["kind"] == "metrics" and score is not None:
            best = self.table.to_beat
            if best is None or score > best[1]:
                self.table.to_beat = (self._baselines[event["run"]], score)

    def _see_study(self, event: Mapping[str, Any]) -> None:
        if event["kind"] in ("params", "tags") and TRIALS in event["values"]:
            self.table.trials = int(event["values"][TRIALS])
        elif event["kind"] == "reopen":
            # Another driver goes on with the study. The last one died before it could record how
            # the trials that it left running had ended.
            self._started = self.table.first_trial = None
            for row in self.table.rows.values():
                if row["status"] == "running":
                    row["status"] = Ending.KILLED.value


def watch_driver(study: str) -> None:
    """Draw a study's live table until its driver, a process of this machine, has ended."""
    replay = Replay(study)
    end = 0
    with replay.table:
        while True:
            driven = is_driven(study)  # asked before reading, so that no last event is missed
            for event, position in events_from(spool_folder(study), end):
                replay.see(event)
                end = position
            replay.table.refresh()
            if not driven:
                return
            time.sleep(_POLL_S)
