"""Checks that an installed library still has a private name as the project uses it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pkgutil import resolve_name

Check = Callable[[], bool]


def takes(path: str, *parameters: str) -> Check:
    """A function of that dotted path has exactly these parameters, in this order."""
    return lambda: tuple(inspect.signature(resolve_name(path)).parameters) == parameters


def mentions(path: str, *texts: str) -> Check:
    """The source of a class or function has these texts, in this order."""

    def check() -> bool:
        source, start = inspect.getsource(resolve_name(path)), 0
        for text in texts:
            start = source.find(text, start)
            if start < 0:
                return False
        return True

    return check


def missing(required: Mapping[str, Check]) -> list[str]:
    """Names of the checks that fail, or cannot be made."""
    return [name for name, check in required.items() if not _holds(check)]


def _holds(check: Check) -> bool:
    try:
        return check()
    except (ImportError, AttributeError, TypeError, OSError):  # gone, or something else by now
        return False
