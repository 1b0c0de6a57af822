"""The paper's tables: its labels against the data, and the machinery on small data."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.data.catalogue import load
from model.data.datasets import AssociationDataset
from model.evaluation.metrics.table import METRICS
from model.network.autoencoder import Configuration
from tests.model.options import configuration
from tuning.cli import command_line
from tuning.reproduction.labels import Claim, audit
from tuning.reproduction.measuring import percent
from tuning.reproduction.rendering import table_frame
from tuning.reproduction.targets import CASES, FIGURES, TABLES, TARGETS, paper_figures, target


@pytest.fixture(scope="module")
def dataset2(shared_data: Path) -> AssociationDataset:
    return load("dataset2", shared_data)


def claims(name: str) -> list[Claim]:
    return [Claim.of(node, text) for node, text in paper_figures()[name]["cases"].items()]


@pytest.mark.parametrize(
    ("table", "meant"),
    [
        ("table-5", [("CID:3229", 0)]),
        ("table-6", [("CID:5311", 0)]),
        ("table-7", [("hsa-mir-324", 1), ("hsa-mir-518c", 1)]),
    ],
)
def test_the_case_studies_show_the_next_rows_of_the_files(
    table: str, meant: list[tuple[str, int]], dataset2: AssociationDataset
) -> None:
    """Every mark agrees with the data in one reading only, and it is not the printed one."""
    for claim, (node, shift) in zip(claims(table), meant, strict=True):
        found = audit(claim, dataset2)
        assert found.corrected is not None
        assert (found.corrected.node, found.corrected.shift) == (node, shift)
        assert found.node_offset == 1
        assert found.as_printed.agreeing < found.checked
        assert any("labels are wrong" in sentence for sentence in found.sentences())


def test_a_claim_that_is_right_is_left_alone(tiny_network: AssociationDataset) -> None:
    known = tiny_network.associations[2].astype(bool)
    marks = tuple(zip(tiny_network.columns, known.tolist(), strict=True))
    found = audit(Claim(tiny_network.rows[2], marks), tiny_network)
    assert found.as_printed.agreeing == found.checked == len(marks)
    assert found.corrected is None or found.corrected == found.as_printed
    assert not any("wrong" in sentence for sentence in found.sentences())


@pytest.fixture
def tiny_network() -> AssociationDataset:
    from model.data.synthetic import demo

    return demo()


def test_every_cell_of_the_papers_tables_is_there() -> None:
    """Counted by hand from the paper's text."""
    figures = paper_figures()
    assert set(figures) == set(TARGETS) == {*TABLES, *FIGURES, *CASES}
    cells = {
        (table, dataset): sum(map(len, figures[table][dataset].values()))
        for table in TABLES
        for dataset in ("dataset1", "dataset2")
    }
    assert cells == {
        (table, dataset): count
        for table, count in (("table-2", 5 * 6 + 7 + 5), ("table-3", 18), ("table-4", 18))
        for dataset in ("dataset1", "dataset2")
    }
    for node_cases, length in (("table-5", 20), ("table-6", 20), ("table-7", 10)):
        assert {len(claim.marks) for claim in claims(node_cases)} == {length}


def test_the_papers_average_is_that_of_its_rows() -> None:
    """Guards against a misread cell: the averages the paper prints are those of what is here."""
    for dataset in ("dataset1", "dataset2"):
        rows = paper_figures()["table-2"][dataset]
        for metric, average in rows["Average"].items():
            if metric != "auc":
                mean = np.mean([rows[str(fold)][metric] for fold in range(1, 6)])
                assert average == pytest.approx(mean, abs=2e-3), (dataset, metric)


def test_the_claim_about_the_printed_ablations() -> None:
    for dataset in ("dataset1", "dataset2"):
        rows = paper_figures()["table-3"][dataset]
        assert rows["w/o mask"]["auc"] - rows["w/o GAE"]["auc"] == pytest.approx(3, abs=1e-9)


def test_ablations_hide_nothing() -> None:
    rows = target("table-3", "dataset2", 10).configurations
    assert rows["w/o mask"].mask.scheme == rows["w/o GAE"].mask.scheme == "none"
    assert rows["w/o GAE"].encoder.type == "gcn"
    assert rows["w/o GAE"].degree_decoder.alpha == 0
    published = Configuration.published(10)
    assert rows["JMSS-MMA"].mask == published.mask
    assert rows["JMSS-MMA"].edge_decoder.threshold == pytest.approx(0.6225, abs=1e-4)


def test_the_table_puts_paper_and_protocols_side_by_side() -> None:
    folds = [[{**dict.fromkeys(METRICS, 0.5), "auc": 0.9}]]
    two = [folds[0] + [{**folds[0][0], "auc": 0.8}]]
    assert percent(two)["auc"] == (pytest.approx(85), pytest.approx(np.std([90, 80], ddof=1)))
    frame = table_frame({"a": {"auc": 97.0}}, {("a", "paper"): percent(two)}, ("auc", "ap"))
    line = frame[frame["metric"] == "auc"].iloc[0]
    assert (line["paper_prints"], line["paper_mean"]) == (97.0, pytest.approx(85))
    assert pd.isna(frame[frame["metric"] == "ap"].iloc[0]["paper_prints"])


@pytest.mark.ray
def test_a_table_is_measured_printed_and_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small and short, on the demo data: the paper has no figures for those."""
    small = configuration(**{"training.epochs": 2})
    monkeypatch.setattr("tuning.reproduction.targets.Configuration.published", lambda epochs: small)
    monkeypatch.setattr("model.baselines.compared.daestb._EPOCHS", 1)
    monkeypatch.setattr("model.baselines.compared.daestb._TREES", 10)
    arguments = ["reproduce", "table-2", "--dataset", "demo", "--seeds", "2", "--epochs", "2"]
    command_line()([*arguments, "--out", str(tmp_path), "--json"], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    (found,) = document["targets"]
    rows = {(row["row"], row["metric"]): row for row in found["rows"]}
    assert {row for row, _ in rows} == {"1", "2", "3", "4", "5", "Average", "DAESTB"}
    for protocol in ("paper", "honest"):
        assert 0 < rows["Average", "auc"][f"{protocol}_mean"] < 100
        assert rows["Average", "auc"][f"{protocol}_sd"] > 0
    assert rows["DAESTB", "auc"]["daestb_mean"] > 50
    saved = pd.read_csv(tmp_path / "demo" / "table-2.csv")
    assert len(saved) == len(rows)
    assert "| Average | auc |" in (tmp_path / "demo" / "table-2.md").read_text()
    assert (tmp_path / "demo" / "table-2.png").stat().st_size > 5000
    assert not list(tmp_path.rglob("*.part*"))


@pytest.mark.ray
def test_a_case_study_with_a_name_that_is_not_in_the_data(
    tmp_path: Path,
    shared_data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = configuration(**{"training.epochs": 2})
    monkeypatch.setattr("tuning.reproduction.targets.Configuration.published", lambda epochs: small)
    arguments = ["reproduce", "table-6", "--data-dir", str(shared_data), "--out", str(tmp_path)]
    command_line()([*arguments, "--json"], standalone_mode=False)
    captured = capsys.readouterr()
    (found,) = json.loads(captured.out)["targets"]
    rows = {row["name"]: row for row in found["rows"]}
    assert rows["hsa-mir-135a"]["our rank"] is None
    assert 1 <= rows["hsa-mir-660"]["our rank"] <= 286
    assert {row["node"] for row in found["rows"]} == {"CID:5311"}
    assert "<NA>" not in (tmp_path / "dataset2" / "table-6.md").read_text()
    assert (tmp_path / "dataset2" / "table-6.png").is_file()


def test_an_unknown_target_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from model.errors import InputError

    with pytest.raises(InputError, match="table-9") as caught:
        command_line()(["reproduce", "table-9"], standalone_mode=False)
    assert "figure-s6" in str(caught.value)
