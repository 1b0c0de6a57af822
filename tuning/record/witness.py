"""A word on a driver that was ended from without."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# It reads until this process writes a line, or is gone.
_PROGRAM = 'read -r _ || printf "%s\\n" "$0" >&2'


@contextmanager
def witnessed(line: str) -> Iterator[None]:
    """Have a process of its own print a line on stderr should this one end without a word.

    Ray ends the process that drives a study once Ray's own processes are gone, and the system may
    kill it for its memory: nothing of this process runs then.
    """
    witness = subprocess.Popen(
        ["sh", "-c", _PROGRAM, line],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # so Ctrl-C does not end it
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            witness.communicate(b"\n")
