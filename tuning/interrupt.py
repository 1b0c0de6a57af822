"""Ctrl-C, SIGTERM and SIGHUP during a search: stop in order, remember that it was stopped."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from tuning.console import console


def let_go_of_terminal() -> None:
    """Send what is said from here on nowhere: a write to a closed terminal is an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        # Not `isatty`: of a terminal that is gone it says no.
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):
                os.dup2(nowhere, stream)
    os.close(nowhere)


@contextmanager
def ending_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does; what is ignored, as by `nohup`, stays so."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
        raise KeyboardInterrupt

    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) == signal.SIG_DFL
    ]
    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into Ray Tune's orderly stop; the second one stops at once.

    SIGHUP, which comes when the terminal or the connection is closed, is a SIGTERM too, unless it
    is ignored as under `nohup`.

    Ray Tune stops in order on SIGUSR1. It also would on SIGINT, but then we could not tell
    afterwards whether the user had asked for it.

    Yields:
        An event that is set once the user has asked to stop.
    """
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            let_go_of_terminal()
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
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        handlers[signal.SIGHUP] = stop
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
