"""What a submitted study takes along, and what it must not."""

from pathlib import Path
from typing import Any

import pytest
import typer

import tuning.jobs.shipment
from model.data.synthetic import demo
from model.data.user_data import load_user_folder, write_user_folder
from model.errors import InputError
from tuning.commands.remote import command_there
from tuning.commands.tune import tune
from tuning.jobs.shipment import pack_data, runtime_environment
from tuning.jobs.submitted import prepare


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    folder.mkdir()
    return folder


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_goes_along_and_a_name_does_not(tmp_path: Path, box: Path) -> None:
    write_user_folder(demo(), tmp_path / "mine")
    (tmp_path / "mine" / "notes").mkdir()
    assert pack_data("dataset2", box) == "dataset2"
    assert contents(box) == []
    there = pack_data(str(tmp_path / "mine"), box)
    assert there == "data/mine"
    assert load_user_folder(box / there).content_hash == demo().content_hash


def test_a_path_of_the_head_stays_one(box: Path) -> None:
    assert pack_data("/shared/large", box) == "/shared/large"
    with pytest.raises(InputError, match="no data set or folder 'shared/large'"):
        pack_data("shared/large", box)


def test_data_that_are_too_large_are_refused(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user_folder(demo(), tmp_path / "mine")
    size = sum(path.stat().st_size for path in (tmp_path / "mine").iterdir())
    monkeypatch.setattr(tuning.jobs.shipment, "LIMIT", size)
    pack_data(str(tmp_path / "mine"), box)
    monkeypatch.setattr(tuning.jobs.shipment, "LIMIT", size - 1)
    with pytest.raises(InputError, match="shared storage"):
        pack_data(str(tmp_path / "mine"), box / "other")


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("https://mlflow.example.org", True),
        ("http://127.0.0.1:5000", False),  # a tunnel of this machine's
        ("http://localhost:5000", False),
        ("sqlite:///mlflow.db", False),
    ],
)
def test_a_server_that_the_head_can_reach_too_is_named(
    address: str, sent: bool, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a secret")
    environment = runtime_environment(box)
    assert environment["env_vars"].get("MLFLOW_TRACKING_URI") == (address if sent else None)
    assert "a secret" not in str(environment)
    assert "working_dir" not in environment, "there is no file to send"


def test_a_password_in_an_address_is_refused(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.org")
    with pytest.raises(InputError, match="holds a password"):
        runtime_environment(box)


def command(box: Path, *arguments: str) -> list[str]:
    """The head's command for a command line here."""
    app = typer.Typer()
    app.command()(tune)
    click = typer.main.get_command(app)
    with click.make_context("tune", list(arguments)) as context:
        return command_there(context, "far", box)


def test_the_command_is_that_of_the_laptop_but_for_its_paths(
    tmp_path: Path, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMATUNE_STORAGE", "/only/here")
    write_user_folder(demo(), tmp_path / "mine")
    (tmp_path / "my.yaml").touch()
    (tmp_path / "groups.csv").touch()
    base = ["mmatune", "tune", "data/mine", "--name", "far", "--json"]
    where = ["--address", "http://127.0.0.1:8265"]
    assert command(box, "./mine", *where, "--json") == base
    options = ["--space", "my.yaml", "--groups", "groups.csv"]
    rest = ["--trials", "3", "--protocol", "paper", "--gpus-per-trial", "0.5", "--seed", "4"]
    here = ["mine", *options, *rest, "--storage", "s3://bucket/x", *where]
    said = command(tmp_path / "second", *here)
    assert said[: len(base)] == base
    assert said[len(base) : len(base) + 4] == options
    pairs = [tuple(said[i : i + 2]) for i in range(len(base), len(said), 2)]
    assert {("--storage", "s3://bucket/x"), ("--trials", "3"), ("--seed", "4")} <= set(pairs)
    assert len(said) == len(base) + len(options) + len(rest) + 2
    assert contents(tmp_path / "second")[-2:] == ["groups.csv", "my.yaml"]
    assert command(box.parent / "third", "demo", "--name", "far", "--resume", *where) == [
        *("mmatune", "tune", "demo", "--name", "far", "--json", "--resume")
    ]


@pytest.mark.parametrize(
    ("version", "home", "said"),
    [
        ("0.0.1", "/somewhere", "you have 0.0.1"),
        (None, "", "where the head keeps studies"),
        (None, ".mmatune", "where the head keeps studies"),
    ],
)
def test_the_head_looks_before_it_begins(
    version: Any, home: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.metadata

    from tuning.record.job_log import SUBMITTED_BY

    monkeypatch.setenv(SUBMITTED_BY, version or importlib.metadata.version("mmatune"))
    monkeypatch.setenv("MMATUNE_HOME", home)
    with pytest.raises(InputError, match=said):
        prepare("demo")
