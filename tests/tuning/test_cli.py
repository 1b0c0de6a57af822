"""The command line as a whole: help, errors, and one JSON document."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from model.baselines.registry import core
from model.data.synthetic import demo
from model.data.user_data import write_user_folder
from tests.model.parts import part_of
from tests.tuning.commands_run import run_mmatune
from tuning.cli import command_line


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, (*path, name)) or [(*path, name)]
    return found


COMMANDS = commands(typer.main.get_command(command_line()))


def document_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command prints, given ``--json``."""
    code, out, err = run_mmatune(capsys, *arguments)
    assert code == 0, err
    return json.loads(out)


def test_the_commands_are_those_of_the_design() -> None:
    names = {" ".join(path) for path in COMMANDS}
    assert {"tune", "train", "baselines", "predict", "server", "model list"} <= names
    assert {"study list", "study show", "data list", "data download", "data check"} <= names


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run_mmatune(capsys, *path, "--help")
    assert code == 0
    shown = " ".join(out.split())
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
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run_mmatune(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    code, out, _ = run_mmatune(capsys, *arguments, "--json")
    error = json.loads(out)["error"]
    assert code == 2
    assert error.keys() == {"message", "where", "hint"}
    for part in parts:
        assert part in err
        assert part in " ".join(error.values())


def test_a_group_without_a_command_is_one_clear_line_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "error: mmatune study: name one of its commands - see `mmatune study --help`\n"
    code, _, err = run_mmatune(capsys, "study")
    assert (code, err) == (2, said)


@pytest.mark.heavy
def test_train_and_baselines_speak_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_user_folder(part_of(demo(), range(60), range(8)), tmp_path / "part")
    arguments = [str(tmp_path / "part"), "--json", "--protocol", "paper", "--seed", "1"]
    quick = ["--set", "training.epochs=2", "--set", "encoder.type=sage"]
    trained = document_of(capsys, "train", *arguments, *quick)
    measured = document_of(capsys, "baselines", *arguments)
    for document in (trained, measured):
        assert document["dataset"] == "part"
        assert document["protocol"] == "paper"
        assert document["data_hash"] == trained["data_hash"]
    (row,) = trained["rows"]
    assert row["params"]["encoder.type"] == "sage"
    assert row["auc"] == pytest.approx(sum(fold["auc"] for fold in trained["folds"]) / 5)
    assert [row["kind"] for row in measured["rows"]] == ["baseline"] * len(core())
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
    file = tmp_path / "groups.csv"
    file.write_text(f"name,group\n{demo().rows[0]},a\nnobody,a\n")
    code, out, err = run_mmatune(capsys, *command, "demo", "--groups", str(file))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {file}, row 3, column 1: 'nobody' ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [file]


def test_scores_under_own_groups_are_of_another_protocol(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("name,group\n" + "".join(f"{name},a\n" for name in demo().rows[:9]))
    own = ["demo", "--groups", str(file), "--json"]
    documents = []
    for command in (
        ["train", "--set", "training.epochs=1"],
        ["folds", "export", "--out", str(tmp_path / "folds.json")],
    ):
        documents.append(document_of(capsys, *command, *own))
    document = json.loads((tmp_path / "folds.json").read_text())
    (name,) = {one["protocol"] for one in [*documents, document]}
    assert name.startswith("honest+groups-")
    assert "a file of the user's own" in document["meaning"]


def test_without_a_study_the_list_says_how_to_start_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = run_mmatune(capsys, "study", "list")
    assert code == 0
    assert "mmatune tune demo" in err
    assert document_of(capsys, "study", "list", "--json") == []


def test_what_a_library_prints_is_not_in_the_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Ray prints to stdout which machine died, from a thread of its own."""
    monkeypatch.setattr(
        "tuning.record.study_list.list_studies", lambda: print("(raylet) a node died") or []
    )
    code, out, err = run_mmatune(capsys, "study", "list", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "a node died" in err
