"""Runs generated inputs through what reads them, and keeps the numbers of those that fail."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from model.errors import InputError
from tests.fuzz.targets import TARGETS

LONGEST_S = 20  # for one input


@dataclass
class Found:
    """What came of a target's inputs."""

    inputs: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)


def run(name: str, count: int, first: int = 0) -> Found:
    """Run a target on inputs number ``first`` to ``first + count``; each can be made again."""
    found = Found()
    for number in range(first, first + count):
        found.inputs += 1
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        began = time.monotonic()
        try:
            with _no_longer_than(LONGEST_S):
                TARGETS[name](Random(f"{name} {number}"), folder)
        except InputError as error:
            found.refused += 1
            if any("\n" in line for line in error.lines()):
                found.failures.append(f"{name} {number}: a line of several: {error!r}")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = str(error)[:300]
            found.failures.append(
                f"{name} {number}: {type(error).__name__}: {said} ({where.filename}:{where.lineno})"
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if (taken := time.monotonic() - began) > LONGEST_S:
            found.failures.append(f"{name} {number}: {taken:.0f} s")
    return found


class TookTooLong(BaseException):
    """One input took longer than any may."""


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
