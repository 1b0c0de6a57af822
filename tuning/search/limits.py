"""What ends a search: so many trials, or the end of its time."""

from __future__ import annotations

import time
from typing import Any

from ray.tune.search import ConcurrencyLimiter, Searcher, SearchGenerator

from tuning.cluster.shared_storage import open_storage
from tuning.console import console
from tuning.libraries.ray_internals import moved_experiment


class Deadline:
    """The time that a search may take, counted from here on.

    Args:
        seconds: None for as long as it takes.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._told = False

    @property
    def is_over(self) -> bool:
        """Whether the time is up; the console says so, once."""
        if self._end is None or time.monotonic() < self._end:
            return False
        if not self._told:
            console.print("The time is up: running trials end with their next report.")
            self._told = True
        return True


class Trials(SearchGenerator):
    """The trials of a search: as many as were asked for, and none once its time is up.

    Ray Tune's snapshot also holds how many there were to be, and a resumed search may be asked for
    more: the number asked for now is the one that counts.

    Args:
        searcher: what suggests their points.
        number: how many trials the study is to have, with those of before.
        at_once: how many may run side by side.
        deadline: of the search.
        storage: folder or address that holds the study now, which may have moved.
    """

    def __init__(
        self, searcher: Searcher, *, number: int, at_once: int, deadline: Deadline, storage: str
    ) -> None:
        super().__init__(ConcurrencyLimiter(searcher, max_concurrent=at_once))
        self._number = number
        self._deadline = deadline
        self._storage = storage

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        experiment = moved_experiment(state["experiment"], *open_storage(self._storage))
        own = {"experiment": experiment, "total_samples": self._number, "finished": False}
        super().set_state({**state, **own})

    def is_finished(self) -> bool:
        """Whether no trial is to come."""
        return bool(super().is_finished()) or self._deadline.is_over
