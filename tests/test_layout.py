"""The layout: all folders are there, imports run one way, `mlflow/` does not hide the real one."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("model", "search_spaces", "tuning")

# What a package must not import, at the top of a file or inside a function.
FORBIDDEN = {
    "model": {"search_spaces", "tuning", "tests", "ray", "optuna", "mlflow"},
    "search_spaces": {"tuning", "tests", "ray", "mlflow"},
    "tuning": {"tests"},
}


def source_files(root: Path, package: str) -> list[Path]:
    return sorted((root / package).rglob("*.py"))


def module_name(root: Path, file: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(root: Path, file: Path) -> Iterator[str]:
    """Dotted names that a file imports; of `from a import b` both `a` and `a.b`."""
    package = ".".join(file.parent.relative_to(root).parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from . import x` is relative to the file's package, one dot more to the one above.
            above = package.split(".")[: package.count(".") + 2 - node.level]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong_imports(root: Path, package: str) -> list[str]:
    return [
        f"{file.relative_to(root)} imports {name}"
        for file in source_files(root, package)
        for name in imported_names(root, file)
        if name.split(".")[0] in FORBIDDEN[package]
    ]


def check_no_cycle(root: Path, package: str) -> None:
    modules = {module_name(root, file): file for file in source_files(root, package)}
    graph = {
        module: {name for name in imported_names(root, file) if name in modules}
        - {module, package}  # the package itself is imported before any of its modules
        for module, file in modules.items()
        if module != package
    }
    TopologicalSorter(graph).prepare()


def check_real_mlflow(folder: Path) -> None:
    """`import mlflow` by a Python started in `folder`, then the first place where it looks."""
    script = "import mlflow; print(mlflow.__file__); print(getattr(mlflow, '__version__', None))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env={}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    file, found = done.stdout.splitlines()
    assert Path(file).is_relative_to(sysconfig.get_path("purelib")), file
    assert found == version("mlflow")


@pytest.mark.parametrize("name", [*PACKAGES, "mlflow", "tests", "cluster.yaml", "pyproject.toml"])
def test_the_layout_has(name: str) -> None:
    path = ROOT / name
    # A folder without a file would not be in a clone.
    assert path.is_file() or any(file.is_file() for file in path.rglob("*")), f"no {name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    assert source_files(ROOT, package), "nothing to check"
    assert wrong_imports(ROOT, package) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_cycle(package: str) -> None:
    check_no_cycle(ROOT, package)


@pytest.mark.parametrize("line", ["import ray", "from optuna.trial import Trial", "import tuning"])
def test_a_lazy_wrong_import_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "planted.py").write_text(f"def late():\n    {line}\n")
    assert len(wrong_imports(tmp_path, "model")) >= 1


def test_an_import_cycle_is_found(tmp_path: Path) -> None:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "__init__.py").touch()
    (tmp_path / "model" / "a.py").write_text("from model.inner import b\n")
    (tmp_path / "model" / "inner" / "b.py").write_text("def late():\n    from ..a import x\n")
    with pytest.raises(CycleError):
        check_no_cycle(tmp_path, "model")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_long(package: str) -> None:
    lengths = {file: file.read_text().count("\n") for file in source_files(ROOT, package)}
    assert {str(file): lines for file, lines in lengths.items() if lines >= 400} == {}


def test_mlflow_folder_is_no_package() -> None:
    assert sorted((ROOT / "mlflow").rglob("*.py")) == []


def test_import_mlflow_gets_the_real_package() -> None:
    check_real_mlflow(ROOT)


def test_the_mlflow_guard_sees_a_shadow(tmp_path: Path) -> None:
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "__init__.py").touch()
    with pytest.raises(AssertionError, match="__init__"):
        check_real_mlflow(tmp_path)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set -", "cd "))]
    assert commands == ["make test"]
    code_blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    documented = [line.split("#")[0].strip() for block in code_blocks for line in block.split("\n")]
    assert "make test" in documented
