"""The cells of Excel files, read in a process of their own unless they are known to be sound."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from model.data.importing import sheet_process
from model.data.readers import read_bytes
from model.errors import InputError

_TIMEOUT_S = 60.0  # by the clock, for a machine under load; the process has its own limits


def read_sheets(
    path: Path, *, first_only: bool = False, is_sound: bool = False
) -> list[tuple[str, list[list[Any]]]]:
    """Name and cells of the sheets of an .xlsx or .xls, from their first row and column on.

    Args:
        first_only: read the first sheet alone.
        is_sound: its content is a published one's, so it can be read in this process.

    Raises:
        InputError: it is no Excel file, or it cannot be read within the limits.
    """
    content = read_bytes(path)
    if is_sound:
        answer: dict[str, Any] | None = sheet_process.sheets(content, first_only=first_only)
    else:
        answer = _read_elsewhere(content, first_only)
    if answer is None:
        raise InputError(
            f"cannot be read as an Excel file within {sheet_process.MEMORY >> 30} GiB of memory",
            where=str(path),
            hint="a cell may stand far from the table, or the file is damaged: copy the table's"
            " columns into a new file and save that",
        )
    if "error" in answer:
        raise InputError(
            f"not a readable Excel file: {answer['error']}",
            where=str(path),
            hint="the file may be cut off or of another kind",
        )
    return [(name, rows) for name, rows in answer["sheets"]]


def _read_elsewhere(content: bytes, first_only: bool) -> dict[str, Any] | None:
    """What `sheet_process.sheets` gives, from a process of its own; None where that was killed."""
    try:
        done = subprocess.run(
            # Without -P the folder of that file could be imported from.
            [sys.executable, "-P", sheet_process.__file__, *(["first"] if first_only else [])],
            input=content,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout) if done.returncode == 0 else None
