"""A YAML file as plain Python things, or one line on what is amiss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from model.errors import InputError

_MOST = 100_000  # values of a file that a person wrote


def read_yaml(path: Path, hint: str = "") -> Any:
    """The document in a file.

    Args:
        hint: for a file that is not there.

    Raises:
        InputError: it cannot be read, is no YAML, or repeats itself without end.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint=hint) from error
    # A date that is none, or a number of 5,000 digits, is a ValueError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"is not YAML: {said}", where=str(path)) from error
    if _count(document) > _MOST:
        raise InputError(
            f"holds more than {_MOST:,} values: an alias (`*name`) repeats what it is part of",
            where=str(path),
        )
    return document


def _count(document: Any) -> int:
    """How many values there are, an alias counted each time; no further than one above `_MOST`."""
    found, left = 0, [document]
    while left and found <= _MOST:
        node = left.pop()
        found += 1
        if isinstance(node, dict):
            left += node.values()
        elif isinstance(node, list | tuple | set):
            left += node
    return found
