"""A baseline, a protocol and two metrics of another package: found, used, and under contract."""

import math
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from model.baselines.registry import BASELINES, evaluate_baseline
from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.metrics.ranked import RankedFold
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import PROTOCOLS, development_folds, protocol
from model.table import Table
from model.training.cross_validation import CrossValidation
from tests.contracts.baseline import BaselineContract
from tests.contracts.metric import MetricContract
from tests.contracts.networks import tiny_network
from tests.contracts.protocol import ProtocolContract
from tests.model.options import configuration
from tests.model.training.batched.waits import waits
from tuning.search import baseline_cache

pytestmark = pytest.mark.heavy

TABLES: tuple[Table, ...] = (BASELINES, PROTOCOLS, METRICS)
PACKAGE = "mmatune_outside_scores"
ENTRY_POINTS = f"""
[mmatune.baselines]
shared neighbours = {PACKAGE}.kinds:shared_neighbours
[mmatune.protocols]
three-folds = {PACKAGE}.kinds:THREE_FOLDS
[mmatune.metrics]
row_auc = {PACKAGE}.kinds:ROW_AUC
worst = {PACKAGE}.kinds:WORST
"""
KINDS = '''
import dataclasses

import numpy as np

from model.evaluation.metrics.interface import Metric
from model.evaluation.protocols import HONEST


def shared_neighbours(dataset, fold):
    a_MS = np.zeros(dataset.associations.shape)
    a_MS[tuple(fold.train_pairs.T)] = 1
    return a_MS @ a_MS.T @ a_MS


THREE_FOLDS = dataclasses.replace(
    HONEST, name="three-folds", folds=3, meaning="As `honest`, in three folds. " + HONEST.meaning
)


def row_auc(fold):
    """Mean over the miRNAs that have pairs of both kinds; one half where none has."""
    rows, others = (pairs.min(axis=0) for pairs in fold.pairs)
    values = []
    for row in np.intersect1d(rows, others):
        above = fold.held_out[rows == row][:, None] - fold.unknown[others == row]
        values.append(np.mean((above > 0) + 0.5 * (above == 0)))
    return np.mean(values) if values else 0.5


ROW_AUC = Metric(meaning="mean AUC of a miRNA", label="row AUC", plain=row_auc, needs_pairs=True)
WORST = Metric(
    meaning="score of the held-out association that is ranked last",
    label="worst",
    plain=lambda fold: fold.held_out.min(),
    batched=lambda folds: folds.all_pairs.held_out[:, 0],
)
'''


def forget(patch: pytest.MonkeyPatch) -> None:
    """Have the tables look for other packages again."""
    for table in TABLES:
        patch.delitem(table.__dict__, "_added", raising=False)


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package, importable and with entry points; yields the file of its kinds."""
    assert isinstance(Table._added, cached_property)
    site = tmp_path_factory.mktemp("site")
    (site / PACKAGE).mkdir()
    (site / PACKAGE / "__init__.py").touch()
    (site / PACKAGE / "kinds.py").write_text(KINDS)
    info = site / f"{PACKAGE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    with pytest.MonkeyPatch.context() as patch:
        forget(patch)
        patch.syspath_prepend(site)
        yield site / PACKAGE / "kinds.py"
        for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
            del sys.modules[name]
        for table in TABLES:
            table.__dict__.pop("_added", None)


@pytest.mark.parametrize("kind", ["shared neighbours"])
class TestBaseline(BaselineContract): ...


@pytest.mark.parametrize("kind", ["three-folds"])
class TestProtocol(ProtocolContract): ...


@pytest.mark.parametrize("kind", ["row_auc", "worst"])
class TestMetric(MetricContract):
    def expected(self, kind: str, fold: RankedFold) -> float:
        if kind == "worst":
            return float(sorted(fold.held_out)[0])
        assert fold.pairs is not None
        first = np.concatenate([pairs[0] for pairs in fold.pairs])
        of_rows = [first == row for row in range(4)]
        values = [
            roc_auc_score(fold.labels[row], fold.scores[row])
            for row in of_rows
            if len(set(fold.labels[row])) == 2
        ]
        return float(np.mean(values)) if values else 0.5


def test_they_are_listed_after_the_projects_own() -> None:
    assert list(BASELINES)[-1] == "shared neighbours"
    assert list(PROTOCOLS)[-1] == "three-folds"
    assert list(METRICS)[-3:] == ["mcc", "row_auc", "worst"]
    with pytest.raises(InputError, match="three-folds"):
        protocol("no such")


def folds_of(dataset: AssociationDataset) -> tuple:
    folds = development_folds(dataset, protocol("three-folds"), seed=0)
    assert len(folds) == 3
    return folds


def test_a_trial_is_measured_by_them() -> None:
    dataset = tiny_network()
    validation = CrossValidation(configuration(), dataset, folds_of(dataset), seed=0)
    validation.train(2)
    with waits() as found:
        evaluation = validation.evaluate()
    assert found[0] == "tolist"  # once for all metrics with a batched form, then fold by fold
    summary = evaluation.summary()
    for name in ("auc", "row_auc", "worst"):
        assert 0 < summary[name] < 1
        assert math.isfinite(summary[f"{name}_sd"])
    assert list(evaluation.to_frame().columns)[-2:] == ["row_auc", "worst"]


def test_a_baseline_is_measured_once_until_its_code_changes(
    package: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = tiny_network()
    folds = folds_of(dataset)
    measured = []

    def evaluate(*arguments: object) -> object:
        measured.append(arguments)
        return evaluate_baseline(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(baseline_cache, "evaluate_baseline", evaluate)

    def ask() -> dict[str, float]:
        return baseline_cache.cached_evaluation(
            "shared neighbours", dataset, "three-folds", 0, folds
        ).summary()

    first = ask()
    assert ask()["row_auc"] == first["row_auc"] > 0
    assert len(measured) == 1
    for edited in (package, package.with_name("beside.py")):
        with edited.open("a") as file:
            file.write("# edited\n")
        ask()
    assert len(measured) == 3


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    """The project's own baselines have the key that they have where it was never installed."""
    assert baseline_cache.outside_version("additive degree") is not None  # of its metrics
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(package.parents[1])])
    forget(monkeypatch)
    assert "shared neighbours" not in BASELINES
    assert baseline_cache.outside_version("additive degree") is None
