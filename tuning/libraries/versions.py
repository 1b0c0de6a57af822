"""The versions of libraries that mmatune is tested with, and whether those installed are.

`pyproject.toml` is the one place that names them, as upper bounds of dependencies. They are read
from the metadata of the installed mmatune.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

_UPPER = ("<", "<=", "==", "~=")


def tested_versions() -> dict[str, SpecifierSet]:
    """Versions that each bounded library may have; empty if mmatune itself is not installed."""
    try:
        requirements = [Requirement(line) for line in requires("mmatune") or []]
    except PackageNotFoundError:
        return {}
    return {
        one.name: one.specifier
        for one in requirements
        if one.marker is None and any(part.operator in _UPPER for part in one.specifier)
    }


def installed_versions() -> dict[str, str]:
    """The version of mmatune and of each bounded library; one that is missing is left out."""
    found = {}
    for name in ("mmatune", *tested_versions()):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def untested_versions() -> list[str]:
    """Libraries whose installed version is outside of what is tested, as "ray 3.0 (tested: <3)"."""
    installed = installed_versions()
    return [
        f"{name} {installed[name]} (tested: {tested})"
        for name, tested in tested_versions().items()
        if name in installed and not tested.contains(installed[name], prereleases=True)
    ]
