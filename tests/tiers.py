"""The tiers of tests: the fast ones for every save, the others for the gate or on request.

A test gets the marker `fast` unless it has one of `NOT_FAST`, so a new test is in `make check` by
itself. A fast test that starts a process, by `subprocess` or a fork, fails. Its duration is not
checked, because that depends on the machine; `make check` prints the slowest.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NOT_FAST = ("cluster", "slow", "ray", "heavy")  # markers, the longest first
_STARTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen"}
_running: list[str] = []  # the fast test that runs now


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the fast tests, and put the files with the longest tests first.

    So the lab, which waits more than it computes, runs beside all others, and what ends last is
    short.
    """
    rank: dict[Path, int] = {}
    for item in items:
        marks = [name for name in NOT_FAST if item.get_closest_marker(name)]
        if not marks:
            item.add_marker("fast")
        order = min((NOT_FAST.index(name) for name in marks), default=len(NOT_FAST))
        rank[item.path] = min(order, rank.get(item.path, order))
    items.sort(key=lambda item: rank[item.path])  # stable: the order within a file stays


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Watch a fast test, with its fixtures."""
    if item.get_closest_marker("fast"):
        _running.append(item.nodeid)
    try:
        return (yield)
    finally:
        _running.clear()


def _refuse_process(event: str, arguments: tuple[Any, ...]) -> None:
    # Once a process scikit-learn counts the machine's cores, and Python asks for its processor.
    if _running and event in _STARTS and arguments[:1] not in (("lscpu",), ("uname",)):
        pytest.fail(
            f"{_running[0]} starts a process ({event} {arguments[:2]}):"
            " mark it `heavy`, or `ray` if it starts a Ray runtime"
        )


sys.addaudithook(_refuse_process)  # for good: Python takes none away again
