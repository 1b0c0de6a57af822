"""Ends a process that makes no progress: a trial that hangs must not hold its worker for ever."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watchdog(seconds: float) -> Iterator[Callable[[], None]]:
    """Kill this process unless the yielded function is called every so many seconds.

    A kill and no exception: what hangs in a library hears no exception. Ray sees the worker die.
    """
    fed = [time.monotonic()]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(min(1.0, seconds / 5)):
            if time.monotonic() - fed[0] > seconds:
                os.kill(os.getpid(), signal.SIGKILL)

    def feed() -> None:
        fed[0] = time.monotonic()

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
    try:
        yield feed
    finally:
        over.set()
