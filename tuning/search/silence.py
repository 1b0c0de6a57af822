"""Notices that a search cannot go on, says why, and ends it.

Ray waits for ever: for a machine that is never launched, for a worker that cannot be started. And
where a study's folder is removed it makes another one, in which every trial fails.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from ray.tune import Callback
from ray.tune.experiment import Trial

from tuning.cluster.capacity import LAUNCHED_FROM, nodes
from tuning.cluster.session import Resources
from tuning.console import console
from tuning.home import study_path
from tuning.record.driver import is_driver_known, lives

KNOWN_S = 60.0  # after which a search ends whose trials cannot start for a reason that is known
TOLD_S = 100.0  # after which it is told that none has started
UNKNOWN_S = 600.0  # a busy machine takes minutes to start a worker
LAUNCH_S = 1200.0  # a machine that has to be launched and set up


class WatchSilence(Callback):
    """Ray Tune calls it at each step of its loop, several times a second.

    Args:
        resources: of a trial.
        study: whose folder is watched too.
        clock: seconds from any beginning.

    Attributes:
        reason: why the search was ended; empty where it was not.
    """

    def __init__(
        self, resources: Resources, study: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.reason = ""
        self._resources = resources
        self._study = study
        self._clock = clock
        self._since = clock()
        self._is_told = False
        # That of a session of our own: those of a cluster are not this process's children.
        self._raylets = [one for one in psutil.Process().children() if one.name() == "raylet"]

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        if self.reason:
            return
        if not is_driver_known(self._study):
            folder = study_path(self._study)
            self._end(f"its folder {folder} was removed; only with a copy of it can it go on")
            return
        # Ray itself would end this process within half a minute, and not say what to do.
        if dead := [one for one in self._raylets if not lives(one)]:
            self._end(f"Ray's process {dead[0].pid} (raylet) on this machine died")
            return
        if any(trial.status == Trial.RUNNING for trial in trials):
            self._since, self._is_told = self._clock(), False
            return
        silent = self._clock() - self._since
        if silent < KNOWN_S:
            return
        why, patience = _why_none_starts(self._resources)
        if silent >= TOLD_S and not self._is_told:
            self._is_told = True
            ends = f"; the search ends in {patience - silent:.0f} s if it stays so"
            said = f"no trial has started for {silent:.0f} s: {why}"
            console.print(said + (ends if patience > silent else ""), soft_wrap=True, markup=False)
        if silent >= patience:
            self._end(f"no trial runs, and none could start for {silent:.0f} s: {why}")

    def _end(self, reason: str) -> None:
        self.reason = reason
        signal.raise_signal(signal.SIGUSR1)  # Ray Tune's orderly stop


def _why_none_starts(resources: Resources) -> tuple[str, float]:
    """The reason, and for how many seconds to wait in hope."""
    there = nodes()
    if not there:
        return "Ray has no machine", KNOWN_S
    sockets = [Path(one["RayletSocketName"]) for one in there if one["RayletSocketName"]]
    # Of one machine alone: the sockets of others are not on this one.
    if len(there) == 1 and sockets and not sockets[0].exists():
        folder = sockets[0].parent.parent
        return f"Ray's folder {folder} was removed, by a cleaner of old files perhaps", KNOWN_S
    if not any(_fits(one["Resources"], resources) for one in there):
        what = ", ".join(f"{amount:g} {name}" for name, amount in resources.bundle.items())
        said = f"none of Ray's {len(there)} machines has what a trial asks for ({what})"
        if LAUNCHED_FROM.expanduser().is_file():
            return f"{said}, and none was launched yet", LAUNCH_S
        return said, KNOWN_S
    return "Ray starts no process for it", UNKNOWN_S


def _fits(node: dict[str, float], resources: Resources) -> bool:
    return all(node.get(name, 0.0) >= amount for name, amount in resources.bundle.items())
