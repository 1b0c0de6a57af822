"""What a check of a cluster file found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

MARK = "FILL IN"


@dataclass(frozen=True)
class Finding:
    """One mistake, or one thing to do before `ray up`.

    Args:
        where: dotted path into the file.
        message: what is wrong.
        hint: how it is mended, empty where the message says it.
    """

    where: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was found: a file without mistakes may still have values to fill in."""

    mistakes: list[Finding]
    to_do: list[Finding]
    not_checked: list[Finding]

    @property
    def ready(self) -> bool:
        """Whether `ray up` may be typed."""
        return not self.mistakes and not self.to_do

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "ready": self.ready}


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of every string in a document, keys left out."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from texts(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from texts(value, f"{path}[{place}]")
    elif isinstance(node, str):
        yield path, node


def is_open(value: Any) -> bool:
    """Whether a value is still to be filled in."""
    return isinstance(value, str) and MARK in value
