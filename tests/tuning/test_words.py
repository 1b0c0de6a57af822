"""Nothing but data of miRNAs or small molecules says "miRNA" or "small molecule" to a user."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from model.data.datasets import AssociationDataset
from model.data.kinds import kind_of
from model.data.synthetic import demo
from model.data.user_data import write_user_folder
from tests.model.parts import part_of
from tests.tuning.commands_run import COMMAND, run_mmatune

ROOT = Path(__file__).resolve().parents[2]
WORDS = re.compile(rb"mirna|small[ _-]?molecule", re.IGNORECASE)
# What a run leaves behind and no user reads: Ray's own logs name its modules and ours by path.
_UNREAD = {".pyc", ".log", ".out", ".err"}


def said(content: bytes) -> list[str]:
    """Each place with one of the words, with what stands around it."""
    return [
        content[max(found.start() - 60, 0) : found.end() + 60].decode(errors="replace")
        for found in WORDS.finditer(content)
    ]


def said_in(folder: Path) -> dict[str, list[str]]:
    """The same of every file below a folder, by its name."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix not in _UNREAD)
    found = {str(file.relative_to(folder)): said(file.read_bytes()) for file in files}
    return {name: places for name, places in found.items() if places}


def genes_and_drugs() -> AssociationDataset:
    """40 genes and 12 drugs."""
    whole = demo()
    columns = np.argsort(-whole.associations.sum(axis=0), kind="stable")[:12]
    rows = np.flatnonzero(whole.associations[:, columns].any(axis=1))[:40]
    part = part_of(whole, rows.tolist(), columns.tolist())
    genes = tuple(f"GENE{number}" for number in range(1, 41))
    drugs = tuple(f"DB{number:05d}" for number in range(1, 13))
    kinds = (kind_of("gene"), kind_of("drug"))
    return dataclasses.replace(part, name="targets", rows=genes, columns=drugs, kinds=kinds)


class Outputs:
    """What commands print: each is run as a user runs it, and looked through."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self.capture = capture

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """Both streams of a command that ends with this code."""
        ended, out, err = run_mmatune(self.capture, *arguments)
        shown = out + err
        assert ended == code, shown
        assert said(shown.encode()) == [], arguments
        return shown


@contextmanager
def _served(model: str) -> Iterator[dict[str, Any]]:
    """The document that a running `mmatune serve` printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*COMMAND, "serve", model, "--port", str(port), "--json"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert said(err.encode()) == []
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Outputs:
    return Outputs(capfd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_user_folder(genes_and_drugs(), tmp_path / "targets")
    return tmp_path / "targets"


@pytest.mark.parametrize(
    "text", ["a miRNA", "MIRNAS", "small molecules", '"small_molecule": 1', "--small-molecule"]
)
def test_a_planted_word_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "page.html").write_bytes(b"\x00\xff before " + text.encode() + b" after")
    assert list(said_in(tmp_path)) == ["below/page.html"]
    assert said(b"a gene and a drug, and molecules that are small") == []


def test_data_commands_and_errors(run: Outputs, folder: Path, tmp_path: Path) -> None:
    assert "cold-rows (new genes), cold-columns (new drugs)" in run("data", "check", folder)
    for command in ("check", "show"):
        document = json.loads(run("data", command, folder, "--json"))
        assert [side["plural"] for side in document["sides"]] == ["genes", "drugs"]
    assert "highest degrees of drugs" in run("data", "show", folder)
    run("folds", "protocols")
    run("folds", "protocols", "--json")
    for protocol in ("honest", "cold-rows", "cold-columns", "paper", "case-study:GENE1"):
        run("folds", "export", folder, "--protocol", protocol, "--out", tmp_path / "folds.json")
    assert said_in(tmp_path) == {}
    assert json.loads((tmp_path / "folds.json").read_text())["kinds"] == ["gene", "drug"]
    for arguments in (
        ("folds", "export", folder, "--protocol", "case-study:GNE1", "--out", tmp_path / "x"),
        ("folds", "export", folder, "--protocol", "fair", "--out", tmp_path / "x"),
        ("tune", folder, "--groups", folder / "associations.csv"),
        ("tune", folder, "--groups", folder / "associations.csv", "--protocol", "random"),
    ):
        run(*arguments, code=2)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("associations.csv", None),
        ("associations.csv", "gene,drug\nGENE_1,DB00001\nDB00001,GENE1\nwater,x\n"),
        ("associations.csv", "GENE1,DB00001\nGENE2,DB00001\n"),
        ("associations.csv", "g,d\nGENE1,DB00001\n"),
        ("associations.csv", "who,what,when\nGENE1,DB00001,now\n"),
        ("associations.csv", ",DB00001\nGENE1,1\n"),
        ("associations.csv", "gene,drug\n"),
        ("gene_similarity.csv", ",a,a\na,1,2\nb,3,x\n"),
        ("drug_similarity.csv", ",a,b\na,1,2\nb,3,1\n"),
        ("dataset.yaml", "kind: [gene, drug]\n"),
        ("dataset.yaml", "kinds: [gene, rank]\n"),
    ],
)
def test_errors_of_a_damaged_folder(
    file: str, text: str | None, run: Outputs, folder: Path
) -> None:
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text)
    for command in (("data", "check"), ("data", "show"), ("tune",)):
        run(*command, folder, code=2)


@pytest.mark.ray
def test_a_study_of_genes_and_drugs(
    run: Outputs, folder: Path, tmp_path: Path, home: Path, brief: tuple[str, ...]
) -> None:
    space = (*brief[:2], "--trials", "2")
    run("baselines", folder)
    run("tune", folder, "--name", "first", *space, "--plan")
    told = run("tune", folder, "--name", "first", *space, "--metric", "auc_by_row")
    assert "AUC/gene" in told
    assert "mmatune predict targets --for DB" in told
    for arguments in (("first",), ("first", "--json")):
        run("study", "show", *arguments)
    for listing in ("study", "model"):
        run(listing, "list")
        run(listing, "list", "--json")
    assert "fresh splits" in run(
        "confirm", "first", "--data", folder, "--top", "1", "--splits", "2"
    )
    page = tmp_path / "report.html"
    run("report", "first", "--data", folder, "--out", page)
    assert "<th>gene</th><th>drug</th>" in page.read_text(encoding="utf-8")
    assert "genes and 12 drugs" in run("model", "show", "targets")
    run("model", "show", "targets", "--json")

    assert "drugs for GENE1, by targets" in run("predict", "targets", "--for", "GENE1")
    document = json.loads(run("predict", "targets", "--for", "DB00001", "--json"))
    assert document["query"] == {"kind": "drug", "name": "DB00001"}
    assert "GENE12" in run("predict", "targets", "--for", "GNEE12", code=2)
    run("predict", "targets", "--for", "GENE1", "--side", "drug", code=2)
    run("predict", "targets", "--for", "GENE1", "--side", "disease", code=2)
    run("predict", "targets", "--for", "water", code=2)
    assert "columns gene and drug" in run("pull", "targets", "--to", tmp_path / "pulled")
    assert "gene" in (tmp_path / "pulled" / "MLmodel").read_text()
    with _served("targets") as document:
        body = {"dataframe_records": [{"gene": "GENE1"}], "params": {"top": 2}}
        for record, status in (({"gene": "GENE1"}, 200), ({"gene": "y"}, 400), ({"a": "b"}, 400)):
            body["dataframe_records"] = [record]
            answer = requests.post(f"{document['url']}/invocations", json=body, timeout=60)
            assert answer.status_code == status
            assert said(answer.content) == []
        assert '"drug"' in document["try"]

    assert said_in(tmp_path) == {}
    assert said_in(home) == {}
