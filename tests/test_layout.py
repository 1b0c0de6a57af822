"""The layout: wings, and imports that run down them; `mlflow/` does not hide the real one."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("model", "search_spaces", "tuning")

# The wings, from the ground up: each imports only those below it, whether at the top of a file or
# inside a function. A folder stands for all that is in it; the halls of `model` and `tuning`, the
# few modules that are in no wing, are named one by one.
WINGS = (
    "model.errors",
    "model.table",
    "model.config",
    "model.data",
    "model.network",
    "model.evaluation",
    "model.training",
    "model.baselines",
    "search_spaces",
    "tuning.ending",
    "tuning.metric",
    "tuning.home",
    "tuning.starts",
    "tuning.plan",
    "tuning.libraries",
    "tuning.disk",
    "tuning.locks",
    "tuning.loopback",
    "tuning.console",
    "tuning.interrupt",
    "tuning.live",
    "tuning.cluster",
    "tuning.record",
    "tuning.registry",
    "tuning.search",
    "tuning.reproduction",
    "tuning.repetition",
    "tuning.forecast",
    "tuning.report",
    "tuning.jobs",
    "tuning.confirm",
    "tuning.study",
    "tuning.bench",
    "tuning.foreign_errors",
    "tuning.commands",
    "tuning.cli",
)
MOST_MODULES = 20  # in one folder

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


def wing_of(module: str) -> int | None:
    """Place of a module's wing in `WINGS`, None for a module in none."""
    places = [place for place, wing in enumerate(WINGS) if f"{module}.".startswith(f"{wing}.")]
    return places[0] if places else None


def upward_imports(root: Path) -> list[str]:
    """Imports of a wing from one below it, and modules that are in no wing."""
    files = {
        module_name(root, file): file
        for package in PACKAGES
        for file in source_files(root, package)
    }
    modules = {name: file for name, file in files.items() if name not in PACKAGES}
    homeless = [f"{name} is in no wing" for name in modules if wing_of(name) is None]
    upward = [
        f"{file.relative_to(root)} imports {name}"
        for module, file in modules.items()
        for name in sorted({*imported_names(root, file)} & modules.keys())
        if (own := wing_of(module)) is not None
        and (other := wing_of(name)) is not None
        and other > own
    ]
    return homeless + upward


def crowded_folders(root: Path) -> dict[str, int]:
    """Folders with more modules than one can keep in mind."""
    counts = Counter(
        str(file.parent.relative_to(root))
        for package in PACKAGES
        for file in source_files(root, package)
        if file.name != "__init__.py"
    )
    return {folder: count for folder, count in counts.items() if count > MOST_MODULES}


def stuttering_names(root: Path) -> list[str]:
    """Modules called as their folder is: the path says the same word twice."""
    return [
        str(file.relative_to(root))
        for package in PACKAGES
        for file in source_files(root, package)
        if file.stem.rstrip("s") == file.parent.name.rstrip("s")
    ]


def unmirrored_tests(root: Path) -> list[str]:
    """Folders of tests that mirror no folder of a package."""
    folders = {
        file.parent.relative_to(root / "tests")
        for package in PACKAGES
        for file in (root / "tests" / package).rglob("test_*.py")
    }
    return sorted(str(folder) for folder in folders if not (root / folder).is_dir())


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


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    assert source_files(ROOT, package), "nothing to check"
    assert wrong_imports(ROOT, package) == []


def test_wings_import_downwards() -> None:
    assert upward_imports(ROOT) == []


def test_folders_are_small_and_names_do_not_stutter() -> None:
    assert crowded_folders(ROOT) == {}
    assert stuttering_names(ROOT) == []


def test_tests_mirror_the_wings() -> None:
    assert unmirrored_tests(ROOT) == []


def plant(root: Path, file: str, text: str = "") -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "line",
    [
        "from tuning.search import trial",
        "import tuning.search.trial",
        "from tuning.search.trial import x",
        "from ..search.trial import x",
        "def late():\n    from tuning.search.trial import x",
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, line: str) -> None:
    plant(tmp_path, "tuning/search/trial.py", "from tuning.record import spool\n")
    plant(tmp_path, "tuning/record/spool.py")
    assert upward_imports(tmp_path) == []
    plant(tmp_path, "tuning/record/spool.py", f"{line}\n")
    assert upward_imports(tmp_path) == ["tuning/record/spool.py imports tuning.search.trial"]


def test_a_module_in_no_wing_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "tuning/searching.py")
    assert upward_imports(tmp_path) == ["tuning.searching is in no wing"]


def test_one_module_too_many_is_found(tmp_path: Path) -> None:
    for number in range(MOST_MODULES):
        plant(tmp_path, f"model/data/m{number}.py")
    plant(tmp_path, "model/data/__init__.py")
    assert crowded_folders(tmp_path) == {}
    plant(tmp_path, "model/data/one_more.py")
    assert crowded_folders(tmp_path) == {"model/data": MOST_MODULES + 1}


@pytest.mark.parametrize("name", ["record", "records"])
def test_a_stuttering_name_is_found(tmp_path: Path, name: str) -> None:
    plant(tmp_path, f"tuning/record/{name}.py")
    assert stuttering_names(tmp_path) == [f"tuning/record/{name}.py"]


def test_a_test_that_mirrors_nothing_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "tuning/record/spool.py")
    plant(tmp_path, "tests/tuning/record/test_spool.py")
    assert unmirrored_tests(tmp_path) == []
    plant(tmp_path, "tests/tuning/records/test_spool.py")
    assert unmirrored_tests(tmp_path) == ["tuning/records"]


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


@pytest.mark.heavy
def test_import_mlflow_gets_the_real_package() -> None:
    check_real_mlflow(ROOT)


@pytest.mark.heavy
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
