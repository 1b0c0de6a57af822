"""The cache of baselines: found again by the same key, by no other, and never broken."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest

import tuning.search.baseline_cache as module
from model.baselines.registry import BASELINES, Baseline, core, evaluate_baseline
from model.data.datasets import AssociationDataset
from model.data.synthetic import demo
from model.evaluation.metrics import table as metrics
from model.evaluation.protocols import HONEST, RANDOM, development_folds

NAME = "additive degree"


@pytest.fixture(scope="module")
def dataset() -> AssociationDataset:
    return demo()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the baselines that were measured rather than found."""
    names = []

    def evaluate(baseline: Baseline, *arguments: object) -> object:
        names.append(next(name for name, one in BASELINES.items() if one is baseline))
        return evaluate_baseline(baseline, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "evaluate_baseline", evaluate)
    return names


def test_a_score_is_measured_once_and_comes_back_unchanged(
    dataset: AssociationDataset, measured: list[str], home: Path
) -> None:
    folds = development_folds(dataset, HONEST, 0)
    first = module.cached_evaluation(NAME, dataset, "honest", 0, folds)
    second = module.cached_evaluation(NAME, dataset, "honest", 0, folds)
    assert measured == [NAME]
    expected = evaluate_baseline(BASELINES[NAME], dataset, folds)
    for found in (first, second):
        np.testing.assert_equal(found.folds, expected.folds)  # NaN included
    assert np.isnan(second.folds[0]["mcc"])
    (file,) = (home / "baselines").iterdir()
    assert file.suffix == ".json"


@pytest.mark.heavy
def test_anything_else_in_the_key_is_another_score(
    dataset: AssociationDataset, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folds = development_folds(dataset, HONEST, 0)
    similarity = dataset.row_similarity.copy()
    similarity[0, 0] += 0.01
    other = dataclasses.replace(dataset, row_similarity=similarity)
    asked = [
        (NAME, dataset, "honest", 0, folds),
        ("neighbour propagation", dataset, "honest", 0, folds),
        (NAME, other, "honest", 0, folds),
        (NAME, dataset, "random", 0, folds),
        (NAME, dataset, "honest", 1, folds),
        (NAME, dataset, "honest", 0, development_folds(dataset, RANDOM, 0)),
        (NAME, dataset, "honest", 0, [dataclasses.replace(f, balance="as is") for f in folds]),
    ]
    for arguments in asked * 2:
        module.cached_evaluation(*arguments)
    assert len(measured) == len(asked)
    monkeypatch.setattr(module, "code_version", lambda: "edited")
    module.cached_evaluation(*asked[0])
    assert len(measured) == len(asked) + 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', "null", "cut", "no metric"])
def test_a_broken_file_is_measured_again_and_mended(
    damage: str, dataset: AssociationDataset, measured: list[str], home: Path
) -> None:
    arguments = (NAME, dataset, "honest", 0, development_folds(dataset, HONEST, 0))
    expected = module.cached_evaluation(*arguments)
    (file,) = (home / "baselines").iterdir()
    good = file.read_text()
    broken = {"cut": good[: len(good) // 2], "no metric": good.replace('"ap"', '"pa"')}
    file.write_text(broken.get(damage, damage))
    np.testing.assert_equal(module.cached_evaluation(*arguments).folds, expected.folds)
    assert len(measured) == 2
    assert file.read_text() == good


def test_a_write_that_fails_costs_the_cache_only(
    dataset: AssociationDataset, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(module.os, "replace", refuse)
    folds = development_folds(dataset, HONEST, 0)
    module.cached_evaluation(NAME, dataset, "honest", 0, folds)
    assert list((home / "baselines").iterdir()) == []


def test_the_version_covers_all_code_that_a_score_follows_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every module that a covered one imports is covered too, or part of the key by its values."""
    model = Path(metrics.__file__).parents[2]
    covered = {Path(str(source)).relative_to(model) for source in module.sources()}
    imported = {
        Path(*str(node.module).split(".")[1:]).with_suffix(".py")
        for source in covered
        for node in ast.walk(ast.parse((model / source).read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("model.")
    }
    # Containers: what they hold is in the key, or in the result.
    containers = {"data/datasets.py", "evaluation/protocols.py", "evaluation/result.py", "table.py"}
    assert imported - covered == {Path(name) for name in containers}
    copies = tmp_path / "model"
    for source in covered:
        (copies / source).parent.mkdir(parents=True, exist_ok=True)
        (copies / source).write_text((model / source).read_text())
    monkeypatch.setattr(module, "files", lambda package: tmp_path / package)
    version = module.code_version.__wrapped__
    before = version()
    assert before == module.code_version()
    for source in covered:
        with open(copies / source, "a") as file:
            file.write("# edited\n")
        after = version()
        assert after != before
        before = after


@pytest.mark.heavy
def test_order_of_the_baselines_on_the_demo_data(
    dataset: AssociationDataset, measured_home: Path
) -> None:
    """The similarities are informative: every method that uses them beats counting associations."""
    folds = development_folds(dataset, HONEST, 0)
    aucs = {
        name: module.cached_evaluation(name, dataset, HONEST.name, 0, folds).summary()["auc"]
        for name in core()
    }
    counting = aucs.pop("additive degree")
    assert 0.7 < counting < min(aucs.values()) - 0.01
    # Trees see each pair alone; the others compare its neighbours.
    assert min(aucs, key=aucs.__getitem__) == "gradient boosting"
