"""The events of a study's record, one a line in a file: written by its driver, read by others.

A folder holds the file, how far it was delivered to MLflow, what MLflow refused, and the files
that wait to be uploaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]
EVENTS, FILES = "events.jsonl", "files"
_POSITION, _REFUSED = "position.json", "refused.jsonl"


def events_from(folder: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Each event that begins at ``offset`` or later, and where it ends, in bytes."""
    path = folder / EVENTS
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return  # still being written, or cut short when its process died
            offset += len(line)
            yield json.loads(line), offset


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
    """How many bytes were delivered, and MLflow's run id by the key that events use."""
    path = folder / _POSITION
    if not path.exists():
        return 0, {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return document["offset"], document["runs"]


def save_position(folder: Path, offset: int, runs: dict[str, str]) -> None:
    """Write down how far MLflow was told, whole or not at all."""
    draft = folder / f"{_POSITION}.draft"
    draft.write_text(json.dumps({"offset": offset, "runs": runs}), encoding="utf-8")
    draft.replace(folder / _POSITION)


def keep_refused(folder: Path, events: list[Event], error: str) -> None:
    """Keep what MLflow refused, and its message."""
    with (folder / _REFUSED).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"events": events, "error": error}) + "\n")


def refused(folder: Path) -> int:
    """How many requests MLflow refused; they are kept in ``refused.jsonl``."""
    path = folder / _REFUSED
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
