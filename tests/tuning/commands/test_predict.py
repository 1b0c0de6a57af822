"""`mmatune predict` and `mmatune model list`, on a small registered model."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import typer
from mlflow.entities.model_registry import ModelVersion
from typer.testing import CliRunner

from model.data.datasets import AssociationDataset
from model.data.kinds import DEFAULT_KINDS, Kind, as_record
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.evaluation.protocols import HONEST
from tuning.commands import models
from tuning.commands.predict import _table, predict
from tuning.home import artifact_root
from tuning.record.client import mlflow_client
from tuning.registry.model_card import ModelCard
from tuning.registry.ranking import Ranking, best_unknown_pairs, rank_pairs
from tuning.registry.versions import register

app = typer.Typer()
app.command()(predict)
app.add_typer(models.app, name="model")

MIRNAS = ("hsa-mir-21", "hsa-mir-[22]", "hsa-let-7a", "hsa-mir-155")
SMALL_MOLECULES = ("Aspirin", "Curcumin")
# Of Aspirin: let-7a (known), mir-21, mir-155, mir-[22] (known).
PROBABILITY = np.array([[0.8, 0.3], [0.1, 0.2], [0.9, 0.4], [0.7, 0.95]])
KNOWN = np.array([[0, 0], [1, 0], [1, 0], [0, 1]])


@pytest.fixture(scope="module")
def registered_home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registered")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client = mlflow_client()
        experiment = client.create_experiment("e", artifact_location=str(artifact_root() / "e"))
        data = AssociationDataset("toy", MIRNAS, SMALL_MOLECULES, KNOWN, np.eye(4), np.eye(2))
        card = ModelCard(
            "toy", "first", HONEST, 0.8, 0.01, "For a test.", {}, Calibration(1.0, -4.0, 0.01, None)
        )
        register(client.create_run(experiment).info.run_id, data, PROBABILITY, card)
    return folder


@pytest.fixture
def run(registered_home, monkeypatch):
    monkeypatch.setenv("MMATUNE_HOME", str(registered_home))

    def invoke(*arguments):
        # An input error reaches the command line's own handler, which other tests look at.
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return invoke


def test_json_ranks_the_unknown_pairs_and_marks_the_known(run):
    document = json.loads(run("predict", "toy", "--small-molecule", "Aspirin", "--json").stdout)
    assert document["model"] == "toy"
    assert document["version"] == 1
    assert document["query"] == {"kind": "small_molecule", "name": "Aspirin"}
    rows = document["rows"]
    assert [row["mirna"] for row in rows] == [MIRNAS[2], MIRNAS[0], MIRNAS[3], MIRNAS[1]]
    assert [row["rank"] for row in rows] == [None, 1, 2, None]
    assert [row["network_rank"] for row in rows] == [None, 1, 2, None]
    assert [row["known"] for row in rows] == [True, False, False, True]
    assert [row["probability"] for row in rows] == pytest.approx([0.9, 0.8, 0.7, 0.1])
    assert {row["small_molecule"] for row in rows} == {"Aspirin"}


def test_a_mirna_is_ranked_the_other_way_round(run):
    document = json.loads(run("predict", "toy@champion", "--mirna", MIRNAS[0], "--json").stdout)
    assert document["query"] == {"kind": "mirna", "name": MIRNAS[0]}
    assert [row["small_molecule"] for row in document["rows"]] == ["Aspirin", "Curcumin"]
    assert [row["network_rank"] for row in document["rows"]] == [1, 4]


def test_the_table_is_for_people_and_leaves_stdout_empty(run):
    result = run("predict", "toy/1", "--small-molecule", "Aspirin")
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "hsa-" in line]
    cells = [re.split(r"\s*│\s*", line)[1:-1] for line in lines]
    # The name in brackets would vanish if it were taken for markup.
    assert [row[1] for row in cells] == [MIRNAS[2], MIRNAS[0], MIRNAS[3], MIRNAS[1]]
    assert [row[0] for row in cells] == ["", "1", "2", ""]
    assert [row[4] for row in cells] == ["known", "", "", "known"]
    assert cells[1][2] == "0.8000"


@pytest.mark.parametrize(
    ("top", "names"),
    [(1, "ab"), (2, "abcd"), (3, "abcde"), (9, "abcdef")],
)
def test_top_counts_unknown_pairs_and_ends_with_one_where_there_are_enough(top, names):
    pairs = pd.DataFrame(
        {
            "mirna": list("fedcba"),
            "small_molecule": "x",
            "probability": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "known": [True, False, False, True, False, True],
            "rank": pd.Series([None, 7, 5, None, 2, None], dtype=object),
        }
    )
    ranking = rank_pairs(pairs, top)
    assert "".join(ranking["mirna"]) == names
    assert ranking["rank"].tolist() == [None, 1, None, 2, 3, None][: len(names)]
    assert ranking["network_rank"].tolist() == [None, 2, None, 5, 7, None][: len(names)]


def test_many_known_associations_in_a_row_are_only_counted():
    pairs = pd.DataFrame(
        {
            "mirna": list("abcdefghij"),
            "small_molecule": "x",
            "probability": np.linspace(0.9, 0.0, 10),
            "known": [True] * 6 + [False, True, True, False],
            "rank": pd.Series([None] * 6 + [1, None, None, 2], dtype=object),
        }
    )
    version = ModelVersion("toy", "1", 0)
    table = _table(Ranking(version, DEFAULT_KINDS, 1, rank_pairs(pairs, 2)), "x")
    names, probabilities = (list(table.columns[place].cells) for place in (1, 2))
    assert names == ["6 miRNAs", "g", "h", "i", "j"]
    assert probabilities[0] == "0.4000 to 0.9000"
    assert list(table.columns[4].cells) == ["known", "", "known", "known", ""]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give one name with --for, or --all"),
        (("--all", "--for", "a"), "--all ranks every pair"),
        (("--mirna", "a", "--small-molecule", "b"), "--small-molecule and --mirna: give one"),
        (("--for", "a", "--mirna", "b"), "--for and --mirna: give one"),
    ],
)
def test_exactly_one_thing_is_ranked(run, arguments, said):
    with pytest.raises(InputError, match=said):
        run("predict", "toy", *arguments)


@pytest.mark.parametrize(("name", "kind"), [("Aspirin", "small_molecule"), (MIRNAS[0], "mirna")])
def test_the_side_is_found(run, name, kind):
    document = json.loads(run("predict", "toy", "--for", name, "--json").stdout)
    assert document["query"] == {"kind": kind, "name": name}
    assert {row[kind] for row in document["rows"]} == {name}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("asprin", "--for: unknown small molecule 'asprin' - did you mean Aspirin?"),
        ("hsa_mir_21", "--for: unknown miRNA 'hsa_mir_21' - did you mean hsa-mir-21?"),
        ("water", "'water' is neither a miRNA nor a small molecule - the miRNAs are hsa-mir-21"),
    ],
)
def test_a_typing_error_is_understood_on_either_side(run, name, said):
    with pytest.raises(InputError) as raised:
        run("predict", "toy", "--for", name)
    assert said in raised.value.line()


def test_a_side_that_is_asked_for(run):
    for side in ("miRNA", "MIRNAS", "mirna"):
        run("predict", "toy", "--for", MIRNAS[0], "--side", side)
    with pytest.raises(InputError, match="ranks miRNAs and small molecules: 'gene' is neither"):
        run("predict", "toy", "--for", MIRNAS[0], "--side", "gene")
    with pytest.raises(InputError, match=r"no small molecule.*name of a miRNA: ask with --for alo"):
        run("predict", "toy", "--small-molecule", MIRNAS[0])


def test_a_network_of_other_kinds(run, home, monkeypatch):
    """With a name on both sides, which needs a side; the options of other kinds are refused."""
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    kinds = (Kind("gene", "genes"), Kind("drug", "drugs"))
    names = (("BRCA1", "TP53", "X"), ("X", "Imatinib"))
    known = np.array([[0, 1], [1, 0], [0, 0]])
    data = AssociationDataset("genes", *names, known, np.eye(3), np.eye(2), kinds)
    client = mlflow_client()
    experiment = client.create_experiment("g", artifact_location=str(artifact_root() / "g"))
    card = ModelCard(
        "genes", "second", HONEST, 0.8, 0.01, "For a test.", {}, Calibration(1.0, -4.0, 0.01, None)
    )
    scores = np.array([[0.8, 0.3], [0.1, 0.2], [0.9, 0.4]])
    register(client.create_run(experiment).info.run_id, data, scores, card)
    document = json.loads(run("predict", "genes", "--for", "BRCA1", "--json").stdout)
    assert document["query"] == {"kind": "gene", "name": "BRCA1"}
    assert document["rows"][0].keys() >= {"gene", "drug", "probability", "rank"}
    assert "drugs for BRCA1, by genes version 1" in run("predict", "genes", "--for", "BRCA1").stderr
    for side, partners in (("gene", ["X", "Imatinib"]), ("drugs", ["X", "BRCA1"])):
        document = json.loads(
            run("predict", "genes", "--for", "X", "--side", side, "--json").stdout
        )
        other = {"gene": "drug", "drug": "gene"}[document["query"]["kind"]]
        assert [row[other] for row in document["rows"] if not row["known"]] == partners
    for arguments, said in (
        (("--for", "X"), "'X' names a gene and a drug - say which: --side 'gene' or --side 'drug'"),
        (("--for", "BRAC1"), "--for: unknown gene 'BRAC1' - did you mean BRCA1?"),
        (("--mirna", "BRCA1"), "--mirna: genes ranks genes and drugs: 'miRNA' is neither"),
    ):
        with pytest.raises(InputError) as raised:
            run("predict", "genes", *arguments)
        assert said in raised.value.line()
        assert len(raised.value.lines()) == 1
    found = best_unknown_pairs("genes", top=2).pairs
    assert found.columns.tolist() == ["gene", "drug", "probability", "rank"]


def test_an_unknown_name_gets_close_ones(run):
    with pytest.raises(InputError, match=r"--mirna: 'HSA-MIR-15'.*did you mean hsa-mir-155"):
        run("predict", "toy", "--mirna", "HSA-MIR-15")
    with pytest.raises(
        InputError, match=r"--small-molecule: 'water'.*the small molecules are Aspirin"
    ):
        run("predict", "toy", "--small-molecule", "water")


def test_the_best_unknown_pairs_of_the_network(run):
    found = best_unknown_pairs("toy", top=3)
    assert int(found.version.version) == 1
    rows = found.pairs.to_dict(orient="list")
    assert rows["mirna"] == [MIRNAS[0], MIRNAS[3], MIRNAS[2]]
    assert rows["small_molecule"] == ["Aspirin", "Aspirin", "Curcumin"]
    assert rows["rank"] == [1, 2, 3]
    assert rows["probability"] == pytest.approx([0.8, 0.7, 0.4])


def test_the_whole_network_as_a_file(run, tmp_path):
    out = tmp_path / "pairs.csv"
    result = run("predict", "toy", "--all", "--top", "3", "--out", str(out))
    assert "3 unknown pairs, best first; 2 known ones" in result.stderr
    assert "Without evidence" in result.stderr  # `toy` is no data set that could be found
    read = pd.read_csv(out)
    assert read["rank"].dropna().tolist() == [1, 2, 3]
    shown = run("predict", "toy", "--all", "--top", "3").stderr
    assert re.search(r"1 │ hsa-mir-21 +│ Aspirin +│ +0.8000", shown)


def test_models_are_listed(run):
    rows = json.loads(run("model", "list", "--json").stdout)
    assert rows == [
        {
            "name": "toy",
            "version": 1,
            "aliases": ["champion"],
            "study": "first",
            "protocol": "honest",
            "kinds": as_record(DEFAULT_KINDS),
            "metric": "auc",
            "measured_version": None,
            "confirmed": None,
            "development": 0.8,
            "fresh": None,
            "sealed_low": None,
            "sealed_high": None,
            "confirmed_auc": None,
            "development_auc": 0.8,
        }
    ]
    result = run("model", "list")
    assert result.stdout == ""
    assert re.search(r"toy\s+1 champion first\s+honest\s", result.stderr)


@pytest.mark.parametrize("command", [("predict",), ("model", "list")])
def test_help_has_an_example(command):
    assert f"Example: mmatune {' '.join(command)}" in CliRunner().invoke(
        app, [*command, "--help"]
    ).output.replace("*", "").replace("`", "")
