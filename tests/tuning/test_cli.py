"""The command line as a whole: help, errors, and one JSON document."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from model.baselines.registry import BASELINES
from model.data.synthetic import demo
from tuning.cli import app, main


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, (*path, name)) or [(*path, name)]
    return found


COMMANDS = commands(typer.main.get_command(app))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mmatune", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code or 0


def test_the_commands_are_those_of_the_design() -> None:
    names = {" ".join(path) for path in COMMANDS}
    assert {"tune", "train", "baselines", "predict", "server", "model list"} <= names
    assert {"study list", "study show", "data list", "data download", "data check"} <= names


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *path, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Example" in shown
    assert f"mmatune {' '.join(path)}" in shown


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["tune"], ["dataset", "mmatune tune --help"]),
        (["tune", "demo", "--trials", "0"], ["--trials", "1"]),
        (["tune", "demo", "--trails", "3"], ["--trails"]),
        (["tune", "demo", "--space", "everything"], ["everything", "faithful"]),
        (["tune", "demo", "--protocol", "fair"], ["fair", "honest"]),
        (["tune", "demo", "--name", "a/b"], ["a/b"]),
        (["tune", "demi"], ["demi", "demo"]),
        (["train", "demo", "--set", "mask.rate=2"], ["mask.rate", "2"]),
        (["train", "demo", "--set", "mask.rate"], ["--set", "name=value"]),
        (["study", "show", "nothing"], ["nothing", "mmatune tune"]),
        (["predict", "nothing", "--mirna", "x"], ["nothing", "mmatune tune"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    arguments: list[str],
    parts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert run(monkeypatch, *arguments, "--json") == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error.keys() == {"message", "where", "hint"}
    for part in parts:
        assert part in captured.err
        assert part in " ".join(error.values())


def test_a_group_without_a_command_is_one_clear_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "study") == 2
    said = "error: mmatune study: name one of its commands - see `mmatune study --help`\n"
    assert capsys.readouterr().err == said


def test_train_and_baselines_speak_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--json", "--protocol", "paper", "--seed", "1"]
    quick = ["--set", "training.epochs=2", "--set", "encoder.type=sage"]
    assert run(monkeypatch, "train", "demo", *arguments, *quick) == 0
    trained = json.loads(capsys.readouterr().out)
    assert run(monkeypatch, "baselines", "demo", *arguments) == 0
    measured = json.loads(capsys.readouterr().out)
    for document in (trained, measured):
        assert document["dataset"] == "demo"
        assert document["protocol"] == "paper"
        assert document["data_hash"] == trained["data_hash"]
    (row,) = trained["rows"]
    assert row["params"]["encoder.type"] == "sage"
    assert row["auc"] == pytest.approx(sum(fold["auc"] for fold in trained["folds"]) / 5)
    assert [row["kind"] for row in measured["rows"]] == ["baseline"] * len(BASELINES)
    aucs = [row["auc"] for row in measured["rows"]]
    assert aucs == sorted(aucs, reverse=True)


@pytest.mark.parametrize(
    "command", [["tune"], ["train"], ["baselines"], ["folds", "export", "--out", "f.json"]]
)
def test_a_wrong_file_of_groups_is_one_clear_line(
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tuning.console.console.width", 300)
    file = tmp_path / "groups.csv"
    file.write_text(f"name,group\n{demo().mirnas[0]},a\nnobody,a\n")
    assert run(monkeypatch, *command, "demo", "--groups", str(file)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"error: {file}, row 3, column 1: 'nobody' ")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [file]


def test_scores_under_own_groups_are_of_another_protocol(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("name,group\n" + "".join(f"{name},a\n" for name in demo().mirnas[:9]))
    own = ["demo", "--groups", str(file), "--json"]
    documents = []
    for command in (
        ["train", "--set", "training.epochs=1"],
        ["folds", "export", "--out", str(tmp_path / "folds.json")],
    ):
        assert run(monkeypatch, *command, *own) == 0
        documents.append(json.loads(capsys.readouterr().out))
    document = json.loads((tmp_path / "folds.json").read_text())
    (name,) = {one["protocol"] for one in [*documents, document]}
    assert name.startswith("honest+groups-")
    assert "a file of the user's own" in document["meaning"]


def test_without_a_study_the_list_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "study", "list") == 0
    assert "mmatune tune demo" in capsys.readouterr().err
    assert run(monkeypatch, "study", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_a_library_prints_is_not_in_the_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Ray prints to stdout which machine died, from a thread of its own."""
    monkeypatch.setattr(
        "tuning.record.studies.list_studies", lambda: print("(raylet) a node died") or []
    )
    assert run(monkeypatch, "study", "list", "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == []
    assert "a node died" in said.err
