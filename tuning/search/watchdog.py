"""Kills a process that makes no progress, so that a trial that hangs does not keep its worker."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watchdog(seconds: float) -> Iterator[Callable[[], None]]:
    """Kill this process unless the yielded function is called at least every ``seconds``.

    It sends SIGKILL, because code that hangs inside a library would not see an exception. Ray sees
    the worker die.
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
