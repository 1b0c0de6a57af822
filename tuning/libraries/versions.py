"""The versions of libraries that mmatune is tested with, and whether those installed are.

`pyproject.toml` is the one place that names them, as upper bounds of dependencies. They are read
from the metadata of the installed mmatune.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

_UPPER = ("<", "<=", "==", "~=")


@dataclass(frozen=True)
class Library:
    """A library that mmatune is tested with in some versions only.

    Args:
        installed: its version; empty if it is not installed.
        tested: the versions, as "<2.61,>=2.60".
    """

    name: str
    installed: str
    tested: str

    @property
    def is_tested(self) -> bool:
        """Whether the installed version is one of them. A missing library fails elsewhere."""
        return not self.installed or SpecifierSet(self.tested).contains(
            self.installed, prereleases=True
        )

    def __str__(self) -> str:
        return f"{self.name} {self.installed or '(missing)'} (tested: {self.tested})"


def libraries() -> list[Library]:
    """All libraries whose version is bounded above; none if mmatune itself is not installed."""
    try:
        requirements = [Requirement(line) for line in requires("mmatune") or []]
    except PackageNotFoundError:
        return []
    return [
        Library(one.name, _installed(one.name), str(one.specifier))
        for one in requirements
        if one.marker is None and any(part.operator in _UPPER for part in one.specifier)
    ]


def versions() -> dict[str, Any]:
    """The version of mmatune, and of each of `libraries`, for ``--version --json``."""
    found = {one.name: {"installed": one.installed, "tested": one.tested} for one in libraries()}
    return {"mmatune": _installed("mmatune"), "libraries": found}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
