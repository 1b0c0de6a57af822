"""The events of a study's record, one a line in a file: written by its driver, read by others.

A folder holds the file, how far it was delivered to MLflow, what MLflow refused, and the files
that wait to be uploaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Event = dict[str, Any]
DAMAGED = "damaged"  # the kind of a line that is no event, with its text
# What an event of each kind has, beside its kind and the key of its run.
_FIELDS = {
    "open": {"tags", "params", "time"},
    "reopen": set(),
    "delete": set(),
    "params": {"values"},
    "metrics": {"values", "step", "time"},
    "tags": {"values"},
    "text": {"text", "file"},
    "file": {"path", "name", "folder"},
    "close": {"status", "time"},
}
EVENTS, FILES = "events.jsonl", "files"
_POSITION, _REFUSED = "position.json", "refused.jsonl"


def events_from(folder: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Each event that begins at ``offset`` or later, and where it ends, in bytes.

    A crash of the machine can leave a line of zeros or half a line between whole ones: it comes as
    an event of the kind `DAMAGED`, for those after it are sound.
    """
    path = folder / EVENTS
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return  # still being written, or cut short when its process died
            offset += len(line)
            yield _event(line, folder), offset


def _event(line: bytes, folder: Path) -> Event:
    with suppress(ValueError, TypeError):
        event: Event = json.loads(line)
        fields = _FIELDS.get(event["kind"]) if isinstance(event, dict) and "kind" in event else None
        if fields is not None and {"run", *fields} <= event.keys():
            if event["kind"] == "file":  # by its name: the home may have moved since
                event["path"] = str(folder / FILES / Path(event["path"]).name)
            return event
    return {"kind": DAMAGED, "run": "", "text": line.decode("utf-8", "backslashreplace")}


def cut_torn_line(folder: Path) -> None:
    """Remove the end of a line that a process wrote only half of before it died."""
    path = folder / EVENTS
    if path.exists():
        # Shortened in place: writing a new file could fail half-way where the disk is full.
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)


def pending(folder: Path) -> int:
    """Bytes of events that were not delivered to MLflow yet."""
    try:
        return (folder / EVENTS).stat().st_size - read_position(folder)[0]
    except FileNotFoundError:
        return 0


def read_position(folder: Path) -> tuple[int, dict[str, str]]:
    """How many bytes were delivered, and MLflow's run id by the key that events use.

    Where that is damaged everything counts as not delivered: a second delivery changes nothing.
    """
    path = folder / _POSITION
    if not path.exists():
        return 0, {}
    with suppress(ValueError, KeyError, TypeError):
        document = json.loads(path.read_text(encoding="utf-8"))
        return int(document["offset"]), dict(document["runs"])
    return 0, {}


def save_position(folder: Path, offset: int, runs: dict[str, str]) -> None:
    """Write down how far MLflow was told, whole or not at all."""
    draft = folder / f"{_POSITION}.draft"
    draft.write_text(json.dumps({"offset": offset, "runs": runs}), encoding="utf-8")
    draft.replace(folder / _POSITION)


def keep_refused(folder: Path, events: list[Event], error: str) -> None:
    """Keep what MLflow refused, and its message."""
    with refused_file(folder).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"events": events, "error": error}) + "\n")


def refused(folder: Path) -> int:
    """How many events are not in MLflow and never will be; they are kept in `refused_file`."""
    path = refused_file(folder)
    if not path.exists():
        return 0
    count = 0
    for line in path.read_bytes().splitlines():
        events = 1  # of a line that is damaged itself
        with suppress(ValueError, KeyError, TypeError):
            events = len(json.loads(line)["events"])
        count += events
    return count


def refused_file(folder: Path) -> Path:
    """What MLflow refused, a JSON document a line: the events and its message."""
    return folder / _REFUSED
