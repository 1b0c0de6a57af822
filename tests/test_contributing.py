"""CONTRIBUTING.md alone is enough to add one of each kind and to search over it."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import numpy as np
import pytest
import yaml

from model.data.datasets import AssociationDataset
from model.data.synthetic import demo
from model.data.user_data import write_user_folder
from model.table import Table
from tests.model.parts import part_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MOST_LINES = 10  # of a recipe, beside blank ones, imports and docstrings

TABLES = {
    "encoder": "model.network.encoders.kinds.ENCODERS",
    "edge decoder": "model.network.edge_decoders.kinds.EDGE_DECODERS",
    "head": "model.network.heads.kinds.HEADS",
    "masking scheme": "model.network.masks.kinds.MASKS",
    "baseline": "model.baselines.registry.BASELINES",
    "protocol": "model.evaluation.protocols.PROTOCOLS",
    "metric": "model.evaluation.metrics.table.METRICS",
    "way to a similarity": "model.data.similarity.ways.WAYS",
    "sampler of the search": "tuning.search.samplers.SAMPLERS",
}


@dataclass(frozen=True)
class Recipe:
    """What a section of the page says.

    Args:
        text: the words around the blocks.
        code: a module of another package.
        group, name, module: of its entry point.
        contract: dotted name of the suite.
        body: of the class of its test; a pass where the contract asks for nothing.
    """

    text: str
    code: str
    group: str
    name: str
    module: str
    contract: str
    body: str


def recipes() -> dict[str, Recipe]:
    found = {}
    for section in re.split(r"^### ", PAGE, flags=re.M)[1:]:
        title, _, text = section.partition("\n")
        code, *body = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
        (toml,) = re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)
        ((group, entries),) = tomllib.loads(toml)["project"]["entry-points"].items()
        ((name, value),) = entries.items()
        (contract,) = re.findall(r"Contract: `([\w.]+)`", text)
        kind = title.removeprefix("An ").removeprefix("A ")
        module = value.partition(":")[0]
        found[kind] = Recipe(text, code, group, name, module, contract, "\n".join(body) or "pass")
    return found


def value_of(dotted: str) -> object:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_there_is_a_recipe_for_every_table() -> None:
    assert recipes().keys() == TABLES.keys()


@pytest.mark.parametrize("kind", TABLES)
def test_a_recipe_is_short_and_names_the_table_and_its_file(kind: str) -> None:
    recipe = recipes()[kind]
    code = re.sub(r'""".*?"""', "", recipe.code, flags=re.S)
    lines = [line for line in code.splitlines() if line.strip()]
    lines = [line for line in lines if not re.match(r"(from|import) ", line)]
    assert len(lines) <= MOST_LINES, lines
    table = value_of(TABLES[kind])
    assert isinstance(table, Table)
    assert table.group == recipe.group
    file = TABLES[kind].rpartition(".")[0].replace(".", "/") + ".py"
    assert f"`{file}`" in recipe.text


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of somebody else's: the recipes and their entry points, and nothing else."""
    folder = tmp_path_factory.mktemp("package")
    info = folder / "recipes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recipes\nVersion: 1.0\n")
    points = []
    for recipe in recipes().values():
        (folder / f"{recipe.module}.py").write_text(recipe.code)
        target = re.search(rf'"({recipe.module}:\w+)"', recipe.text)
        assert target
        points.append(f"[{recipe.group}]\n{recipe.name} = {target[1]}\n")
    (info / "entry_points.txt").write_text("\n".join(points))
    return folder


def python(package: Path, home: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A process that has the package beside this project, as Ray's workers then have it too."""
    path = os.pathsep.join([str(package), *sys.path])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        env={**os.environ, "PYTHONPATH": path, "MMATUNE_HOME": str(home)},
        capture_output=True,
        text=True,
    )


def suite(recipe: Recipe) -> str:
    """A test file of the package, as the page says to write it."""
    module, _, name = recipe.contract.rpartition(".")
    start = f"import pytest\nfrom {module} import {name}\n"
    if isinstance(value_of(recipe.contract), type):
        return (
            f'{start}@pytest.mark.parametrize("kind", ["{recipe.name}"])\n'
            f"class TestIt({name}):\n{indent(recipe.body, '    ')}\n"
        )
    return (
        f'{start}@pytest.mark.parametrize("check", {name})\n'
        f'def test_it(check): check("{recipe.name}")\n'
    )


@pytest.mark.heavy
def test_the_recipes_keep_their_contracts(package: Path, home: Path) -> None:
    tests = {f"test_{recipe.module}.py": suite(recipe) for recipe in recipes().values()}
    for name, text in tests.items():
        (package / name).write_text(text)
    options = ["-q", "-rA", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(package)]
    done = python(package, home, ["-m", "pytest", *options, "-p", "no:cacheprovider", *tests])
    assert done.returncode == 0, done.stdout + done.stderr
    passed = Counter(re.findall(r"^PASSED (\S+\.py)::", done.stdout, re.M))
    assert passed.keys() == tests.keys()


def small_network() -> AssociationDataset:
    """A part of the demo data: its small molecules with the most associations."""
    whole = demo()
    columns = np.argsort(-whole.associations.sum(axis=0), kind="stable")[:10]
    rows = np.flatnonzero(whole.associations[:, columns].any(axis=1))[:60]
    return dataclasses.replace(part_of(whole, rows.tolist(), columns.tolist()), name="part")


@pytest.mark.ray
def test_a_study_searches_over_the_recipes(package: Path, home: Path, tmp_path: Path) -> None:
    """Two trials with the encoder, beside the baseline, under the protocol."""
    name = {kind: recipe.name for kind, recipe in recipes().items()}
    space = {
        "description": "kinds of another package",
        "schedule": {"report_every": 2, "first_rung": 4, "reduction_factor": 2},
        "fixed": {
            "edge_decoder.type": name["edge decoder"],
            "head.type": name["head"],
            "mask.scheme": name["masking scheme"],
            "training.epochs": 4,
        },
        "search": {
            "encoder.type": {"type": "choice", "choices": [name["encoder"], "gcn"]},
            "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5},
        },
        "start_with": [
            {"encoder.type": name["encoder"], "encoder.dropout": dropout} for dropout in (0.1, 0.2)
        ],
    }
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space))
    write_user_folder(small_network(), tmp_path / "part")
    command = "from tuning.cli import main; main()"
    options = {
        "--space": str(tmp_path / "space.yaml"),
        "--trials": "2",
        "--name": "recipes",
        "--protocol": name["protocol"],
        "--sampler": name["sampler of the search"],
    }
    flags = [word for option in options.items() for word in option]
    done = python(package, home, ["-c", command, "tune", str(tmp_path / "part"), *flags, "--json"])
    assert done.returncode == 0, done.stderr + done.stdout
    document = json.loads(done.stdout)
    assert document["protocol"] == name["protocol"]
    rows = document["rows"]
    assert name["baseline"] in {row["name"] for row in rows if row["kind"] == "baseline"}
    trials = [row for row in rows if row["kind"] == "trial"]
    assert len(trials) == 2
    for row in trials:
        assert row["params"]["encoder.type"] == name["encoder"]
        assert name["metric"] in row
