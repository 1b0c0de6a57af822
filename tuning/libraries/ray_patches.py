"""A trial that Ray kills because its machine runs out of memory, which is to fail alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tuning.replaced import replaced

# In the line of Ray's message that says how much of how much was used; a page of advice follows.
LOW = "running low on memory"


@contextmanager
def killed_for_memory_is_dead() -> Iterator[None]:
    """In here Ray Tune takes such a trial for what it is: its process died.

    Ray's memory monitor reports its kills with an error of their own. Tune 2.60 knows only errors
    of actors and tasks, takes this one for a fault in itself, and ends the whole search.
    """
    from ray.air.execution._internal import actor_manager
    from ray.exceptions import OutOfMemoryError, RayActorError

    manager_class: Any = actor_manager.RayActorManager
    handle = manager_class._actor_task_failed

    def handle_kill(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, OutOfMemoryError):
            exception = RayActorError(error_msg=str(exception))
        handle(manager, tracked_actor_task, exception)

    with replaced(manager_class, "_actor_task_failed", handle_kill):
        yield
