"""Ctrl-C and SIGTERM during a search: stop in order, remember that it was stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tuning.console import console


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into Ray Tune's orderly stop; the second one stops at once.

    Ray Tune stops in order on SIGUSR1. It also would on SIGINT, but then we could not tell
    afterwards whether the user had asked for it.

    Yields:
        An event that is set once the user has asked to stop.
    """
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        console.print("stopping in order; Ctrl-C again stops at once")
        signal.raise_signal(signal.SIGUSR1)

    def stop_before_tune_listens(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    handlers = {
        signal.SIGINT: stop,
        signal.SIGTERM: stop,
        signal.SIGUSR1: stop_before_tune_listens,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
