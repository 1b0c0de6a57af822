"""`mmatune folds` as a user meets it."""

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from model.baselines.additive_degree import additive_degree
from model.baselines.registry import evaluate_baseline
from model.data.kinds import DEFAULT_KINDS
from model.data.synthetic import demo
from model.evaluation.protocols import PROTOCOLS, development_folds
from model.evaluation.protocols import protocol as find_protocol
from tests.tuning.commands_run import run_mmatune
from tuning.record.leaderboard import score_row


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    return partial(run_mmatune, capfd)


def write_scores(document: dict[str, Any], path: Path) -> Path:
    """The number of training associations of both names, and less for two of one side."""
    rows = set(document["rows"])
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["fold", "first", "second", "score"])
        for fold in document["folds"]:
            known = [name for pair in fold["train"] for name in pair]
            degree = {name: known.count(name) for name in rows | set(document["columns"])}
            for first, second in fold["held_out"] + fold["ranked_against"]:
                real = (first in rows) != (second in rows)
                score = degree[first] + degree[second] if real else -1
                out.writerow([fold["fold"], first, second, score])
    return path


@pytest.mark.parametrize("protocol", ["cold-rows", "paper-80-10-10", "case-study:demo-sm-01"])
def test_export_then_score_gives_the_baselines_row(protocol: str, run: Any, tmp_path: Path) -> None:
    arguments = ["demo", "--protocol", protocol, "--seed", "2", "--json"]
    file = tmp_path / "folds.json"
    code, out, err = run("folds", "export", *arguments, "--out", file)
    assert (code, err) == (0, "")
    exported, document = json.loads(out), json.loads(file.read_text())
    assert exported["folds"] == len(document["folds"])
    predictions = write_scores(document, tmp_path / "counting.csv")
    code, out, err = run("folds", "score", file, predictions, "--json")
    assert (code, err) == (0, "")
    scored = json.loads(out)
    dataset = demo()
    expected = {"dataset": "demo", "data_hash": dataset.content_hash, "protocol": protocol}
    for key, value in expected.items():
        assert exported[key] == scored[key] == document[key] == value
    assert exported["seed"] == scored["seed"] == 2
    (row,) = scored["rows"]
    folds = development_folds(dataset, find_protocol(protocol), 2)
    summary = evaluate_baseline(additive_degree, dataset, folds).summary()
    assert row == score_row("counting", "predictions", summary)
    assert row["auc"] > 0.5
    assert (row["auc_sd"] is None) == (len(document["folds"]) == 1)
    assert row["acc"] is None
    assert sum(fold["auc"] for fold in scored["folds"]) / len(document["folds"]) == row["auc"]


def test_what_a_person_sees(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "folds.json"
    code, out, err = run("folds", "export", "demo", "--protocol", "paper", "--out", file)
    assert (code, out) == (0, "")
    assert f"wrote {file}: 5 folds" in err
    assert f"mmatune folds score {file}" in err
    predictions = write_scores(json.loads(file.read_text()), tmp_path / "counting.csv")
    code, out, err = run("folds", "score", file, predictions)
    assert (code, out) == (0, "")
    for part in (
        "counting",
        "±",
        "protocol paper",
        PROTOCOLS["paper"].in_words_of(DEFAULT_KINDS).meaning,
    ):
        assert part in err


def test_a_threshold_gives_the_indicators(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "folds.json"
    run("folds", "export", "demo", "--protocol", "paper-80-10-10", "--out", file)
    predictions = write_scores(json.loads(file.read_text()), tmp_path / "counting.csv")
    code, out, _ = run("folds", "score", file, predictions, "--threshold", "0", "--json")
    assert code == 0
    (row,) = json.loads(out)["rows"]
    assert row["sen"] == 1.0  # every real pair scores 0 or more
    assert row["spe"] > 0.6  # most of the others are two of one side, and score -1


def test_protocols_are_listed_with_their_meaning(run: Any) -> None:
    _, out, _ = run("folds", "protocols", "--json")
    listed = json.loads(out)
    assert [row["name"] for row in listed] == [*PROTOCOLS, "case-study:NAME"]
    assert all(row["meaning"] and row["folds"] >= 1 for row in listed)
    shown = " ".join(run("folds", "protocols")[2].split())
    for row in listed:
        assert row["name"] in shown
        # Its cell is wider than a line: the beginning is enough to know it.
        assert row["meaning"][:60] in shown


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["export", "demo"], ["--out"]),
        (["export", "demo", "--protocol", "fair", "--out", "x"], ["fair", "cold-rows"]),
        (["export", "demo", "--protocol", "case-study:x", "--out", "x"], ["'x'"]),
        (["export", "demo", "--out", "nowhere/x.json"], ["nowhere", "cannot be written"]),
        (["score", "nowhere.json", "p.csv"], ["nowhere.json", "no such file"]),
    ],
    ids=" ".join,
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], parts: list[str], run: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("folds", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err
    assert list(tmp_path.iterdir()) == []
