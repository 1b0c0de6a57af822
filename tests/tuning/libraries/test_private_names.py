"""Private names of libraries: the installed versions have them, and no other module uses any."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tuning.libraries import mlflow_internals, ray_internals
from tuning.libraries.private_names import Check, mentions, missing, takes

ROOT = Path(__file__).resolve().parents[3]
LIBRARIES = {"ray": ray_internals.REQUIRED, "mlflow": mlflow_internals.REQUIRED}
PUBLIC = {"_replace", "_asdict", "_fields"}  # of named tuples, in spite of the underscore


@pytest.mark.parametrize(
    ("library", "name"), [(library, name) for library in LIBRARIES for name in LIBRARIES[library]]
)
def test_the_installed_version_has_it(library: str, name: str) -> None:
    assert missing({name: LIBRARIES[library][name]}) == []


@pytest.mark.parametrize(
    "check",
    [
        takes("ray.tune.execution.no_such_module.TuneController", "self"),
        takes("ray.tune.execution.tune_controller.TuneController.no_such_method", "self"),
        takes("ray.tune.execution.tune_controller.TuneController.pause_trial", "self", "other"),
        mentions("ray.tune.execution.tune_controller.TuneController.save_to_dir", "no such text"),
        mentions(
            "ray.tune.execution.tune_controller.TuneController.save_to_dir",
            *("self._callbacks.save_to_dir(", "json.dump("),  # the other way round
        ),
    ],
)
def test_what_is_missing_is_named(check: Check) -> None:
    present = takes(
        "ray.tune.execution.tune_controller.TuneController.resume", "self", "resume_config"
    )
    assert missing({"present": present, "planted": check}) == ["planted"]


def private_names(file: Path) -> Iterator[str]:
    """Private attributes of other objects than ``self``, and private modules that are imported."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            base = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                name = f"{base}.{alias.name}".strip(".")
                if any(_is_private(part) for part in name.split(".")):
                    yield name


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def users(root: Path) -> list[str]:
    """Modules outside the wing that use private names."""
    return [
        f"{file.relative_to(root)}: {name}"
        for package in ("model", "search_spaces", "tuning")
        for file in sorted((root / package).rglob("*.py"))
        if "libraries" not in file.parts
        for name in private_names(file)
    ]


def test_private_names_are_used_in_this_wing_only() -> None:
    assert users(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "import ray._private.services",
        "from ray._private import services",
        "from ray import _raylet",
        "scheduler._brackets",
        "study._storage.get_trial(trial)",
        "controller._reuse_actors = False",
    ],
)
def test_a_use_elsewhere_is_found(tmp_path: Path, line: str) -> None:
    file = tmp_path / "tuning" / "search" / "planted.py"
    file.parent.mkdir(parents=True)
    file.write_text("import ray\nself._own = path._replace(scheme='s3').__class__\n")
    assert users(tmp_path) == []
    file.write_text(f"{line}\n")
    assert len(users(tmp_path)) == 1
