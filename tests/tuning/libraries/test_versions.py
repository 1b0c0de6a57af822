"""The tested versions of libraries: written once, said by `--version`, and warned of."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import tuning.libraries.versions
from tuning.cli import main

ROOT = Path(__file__).resolve().parents[3]
CAPPED = (
    "mlflow",
    "optuna",
    "ray",
    "torch_geometric",
)  # of which private names or formats are used


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `mmatune ...`; returns stdout and stderr."""
    monkeypatch.setattr("tuning.console.console.width", 300)

    def call(*arguments: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["mmatune", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        captured = capsys.readouterr()
        return captured.out, captured.err

    return call


def required(monkeypatch: pytest.MonkeyPatch, *requirements: str) -> None:
    """Have the metadata of mmatune name these."""
    monkeypatch.setattr(tuning.libraries.versions, "requires", lambda name: [*requirements])


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", CAPPED)
def test_a_library_is_capped_at_the_minor_version_that_is_pinned(name: str) -> None:
    asked = [Requirement(line) for line in project()["dependencies"]]
    (requirement,) = (one for one in asked if one.name == name)
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    pinned = Version(pins[canonicalize_name(name)])
    next_minor = f"{pinned.major}.{pinned.minor + 1}.0"
    assert requirement.specifier.contains(pinned)
    assert not requirement.specifier.contains(next_minor)


def test_bounds_are_written_once() -> None:
    extras = [
        Requirement(line) for lines in project()["optional-dependencies"].values() for line in lines
    ]
    assert [str(one) for one in extras if one.name in CAPPED and one.specifier] == []


def test_version_says_what_is_installed_and_tested(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    required(
        monkeypatch, "ray[tune]<2.61,>=2.60", "pandas>=3", 'ray[default]<9; extra == "cluster"'
    )
    installed = tuning.libraries.versions.version
    out, err = run("--version")
    assert out.splitlines() == [
        f"mmatune {installed('mmatune')}",
        f"ray {installed('ray')} (tested: <2.61,>=2.60)",
    ]
    assert err == ""
    out, _ = run("--version", "--json")
    assert json.loads(out) == {
        "mmatune": installed("mmatune"),
        "libraries": {"ray": {"installed": installed("ray"), "tested": "<2.61,>=2.60"}},
    }


def test_an_untested_version_is_warned_of_once_and_never_on_stdout(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    required(monkeypatch, "optuna<1,>=0.9", "torch<9", "not-installed<2")
    out, err = run("data", "list", "--json")
    version = tuning.libraries.versions.version("optuna")
    warning = f"warning: not tested with optuna {version} (tested: <1,>=0.9)"
    assert err.splitlines()[0] == warning
    assert err.count("not tested") == 1
    json.loads(out)
    for arguments in (["--help"], ["data", "list", "--help"], ["--version"]):
        assert "not tested" not in "".join(run(*arguments))
    required(monkeypatch, "optuna>=0.9,<999")
    assert "not tested" not in "".join(run("data", "list", "--json"))


def test_without_its_metadata_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(name: str) -> None:
        raise tuning.libraries.versions.PackageNotFoundError(name)

    monkeypatch.setattr(tuning.libraries.versions, "requires", raises)
    assert tuning.libraries.versions.libraries() == []
