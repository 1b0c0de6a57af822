"""Installing: the pinned versions, the wheel, and that `make` installs once."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    distributions,
    packages_distributions,
)
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("model", "search_spaces", "tuning")


def run(*command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True
    )


# --- constraints.txt


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): pin for name, pin in pairs}


def required(root: str) -> set[str]:
    """Names of all that `root` requires, as far as it is installed here."""
    todo = [Requirement(root)]
    seen = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            children = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        extras = ["", *requirement.extras]
        for child in map(Requirement, children):
            if child.marker is None or any(child.marker.evaluate({"extra": e}) for e in extras):
                todo.append(child)
    return {name for name, _ in seen}


@pytest.mark.parametrize("root", ["mmatune[dev]", "mmatune[cluster]"])
def test_every_requirement_is_pinned(root: str) -> None:
    found = required(root)
    assert len(found) > 50
    assert found - {"mmatune"} - pins().keys() == set()


def imported() -> dict[str, Path]:
    """Packages of others that our code imports, and a file that does."""
    found = {}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            else:
                continue
            found.update({name.split(".")[0]: path for name in names})
    own = {*sys.stdlib_module_names, *PACKAGES}
    return {name: path for name, path in found.items() if name not in own}


def test_what_is_imported_is_declared() -> None:
    """Also what another package brings today: it need not tomorrow."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = {
        canonicalize_name(Requirement(one).name)
        for one in (
            *project["dependencies"],
            *extras["cluster"],
            *extras["server"],
            *extras["similarity"],
        )
    }
    brings = packages_distributions()
    undeclared = {
        name: str(path)
        for name, path in imported().items()
        if declared.isdisjoint(canonicalize_name(one) for one in brings.get(name, [name]))
    }
    assert undeclared == {}


def test_the_installed_versions_are_the_pinned_ones() -> None:
    pinned = pins()
    installed = {canonicalize_name(d.name): d.version for d in distributions()}
    # torch's version ends in the kind of its build, such as +cpu.
    wrong = {
        name: f"{found}, pinned {pinned[name]}"
        for name, found in installed.items()
        if name in pinned and Version(found).public != pinned[name]
    }
    assert wrong == {}


def test_the_pins_are_sorted_and_plain() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    names = [line.split("==")[0] for line in lines if not line.startswith("#")]
    assert names == sorted(names, key=str.lower)
    assert "torch==2.13.0" in lines
    assert not any("+" in line for line in lines if not line.startswith("#"))


# --- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = run(sys.executable, *command, cwd=ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.heavy
def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    stem = "-".join(wheel.name.split("-")[:2])
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(f"{stem}.dist-info/entry_points.txt").decode()
    tree = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.suffix in {".py", ".yaml"}
    }
    inside = {name for name in names if ".dist-info/" not in name}
    assert tree <= inside
    assert "tuning/registry/scorer.py" in inside
    assert any(name.startswith("search_spaces/") and name.endswith(".yaml") for name in inside)
    assert {name.split("/")[0] for name in inside} == set(PACKAGES)
    assert "mmatune = tuning.cli:main" in entry_points


@pytest.mark.heavy
def test_the_wheel_works_away_from_the_tree(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = ["-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    installed = run(sys.executable, *pip, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr

    # PYTHONPATH comes before the environment's own mmatune, which is the tree.
    for package in PACKAGES:
        file = f"import {package}; print({package}.__file__)"
        found = run(sys.executable, "-c", file, cwd=tmp_path, PYTHONPATH=str(site))
        assert Path(found.stdout).is_relative_to(site), found.stdout + found.stderr
    shown = run(str(site / "bin" / "mmatune"), "--help", cwd=tmp_path, PYTHONPATH=str(site))
    assert shown.returncode == 0, shown.stderr
    assert "mmatune" in shown.stdout


# --- `make` installs once

# Stands in for Python: notes how it is called, makes a `.venv` with itself inside, and "installs"
# unless a file `broken` says not to.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
  -c*) [ ! -e too_old ] ;;
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo venv >> calls ;;
  "-m pip install"*) echo install >> calls; [ ! -e broken ] ;;
esac
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    return tmp_path


def make(clone: Path, target: str = "setup") -> subprocess.CompletedProcess[str]:
    # Without what a `make` above this test has set for its own children.
    plain = {"MAKEFLAGS": "", "MAKELEVEL": "", "MAKEOVERRIDES": ""}
    return run("make", target, f"PYTHON={clone / 'python'}", cwd=clone, **plain)


def calls(clone: Path) -> list[str]:
    return (clone / "calls").read_text().split() if (clone / "calls").exists() else []


@pytest.mark.heavy
def test_a_second_make_installs_nothing(clone: Path) -> None:
    assert make(clone).returncode == 0
    assert calls(clone) == ["venv", "install"]
    assert make(clone).returncode == 0
    assert calls(clone) == ["venv", "install"]


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_installs_again(clone: Path, name: str) -> None:
    make(clone)
    stamp = (clone / ".venv" / ".installed").stat().st_mtime
    os.utime(clone / name, (stamp + 1, stamp + 1))
    make(clone)
    assert calls(clone).count("install") == 2


@pytest.mark.heavy
def test_a_failed_installation_starts_anew(clone: Path) -> None:
    (clone / "broken").touch()
    assert make(clone).returncode != 0
    assert not (clone / ".venv" / ".installed").exists()

    (clone / "broken").unlink()
    (clone / ".venv" / "left_over").touch()
    assert make(clone).returncode == 0
    assert calls(clone) == ["venv", "install"] * 2
    assert not (clone / ".venv" / "left_over").exists()


@pytest.mark.heavy
def test_an_old_python_is_refused_with_what_to_do(clone: Path) -> None:
    (clone / "too_old").touch()
    refused = make(clone)
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer" in refused.stderr
    assert "make PYTHON=" in refused.stderr
    assert calls(clone) == []
