"""The home folder, and the embedded MLflow store that is made in it."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import InputError
from tuning import home as places
from tuning.record.client import (
    ENVIRONMENT_DEFAULTS,
    hide_password,
    make_embedded_store,
    mlflow_client,
    without_credentials,
)

ROOT = Path(__file__).resolve().parents[2]


def test_home_is_a_hidden_folder_of_the_current_one_unless_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMATUNE_HOME", "elsewhere/deep")
    assert places.home() == tmp_path / "elsewhere" / "deep"
    monkeypatch.delenv("MMATUNE_HOME")
    assert places.home() == tmp_path / ".mmatune"
    assert (tmp_path / ".mmatune").is_dir()


def test_home_that_cannot_be_made_is_one_clear_error(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("MMATUNE_HOME", str(file))
    with pytest.raises(InputError, match=r"MMATUNE_HOME.*file"):
        places.home()


def test_mlflow_and_optuna_never_share_a_database(home, monkeypatch):
    assert places.tracking_uri() == f"sqlite:///{home}/mlflow.db"
    assert places.optuna_storage_url() == f"sqlite:///{home}/optuna.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert places.tracking_uri() == "http://127.0.0.1:1"
    assert places.optuna_storage_url() == f"sqlite:///{home}/optuna.db"


@pytest.mark.parametrize("name", ["", "..", "a/b", "../a", "a\\b"])
def test_a_study_cannot_leave_its_folder(name):
    with pytest.raises(InputError, match="name of a study"):
        places.study_folder(name)


def test_each_study_has_its_folder(home):
    assert places.study_folder("first") == home / "studies" / "first"
    assert places.study_folder("first").is_dir()


@pytest.mark.heavy
def test_two_commands_started_together_make_one_store_and_print_nothing(home, tmp_path):
    code = (
        "from tuning.record.client import mlflow_client\n"
        "client = mlflow_client()\n"
        f"assert client.get_experiment('0').artifact_location.startswith({str(home)!r})"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    environment["PYTHONPATH"] = str(ROOT)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-c", code]
    # From another folder, in which MLflow would by default leave a database and ./mlruns.
    both = [subprocess.Popen(command, env=environment, cwd=tmp_path, **pipes) for _ in range(2)]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs == ["", ""]
    assert list(tmp_path.iterdir()) == []


def test_a_store_whose_making_was_interrupted_is_made_anew(home):
    draft = home / "mlflow.db.draft"
    with sqlite3.connect(draft) as database:
        database.execute("CREATE TABLE experiments (half INTEGER)")
    make_embedded_store()
    assert not draft.exists()
    assert mlflow_client().get_experiment("0").name == "Default"


def test_tests_copy_what_the_migrations_make(home, tmp_path, monkeypatch):
    """The store that tests get from the fixture in `conftest` differs in nothing but times."""

    def rows():
        mlflow_client()
        with closing(sqlite3.connect(places.home() / "mlflow.db")) as database:
            lines = [line for line in database.iterdump() if line.startswith("INSERT")]
        return [
            re.sub(r"\b\d{13}\b", "time", line.replace(str(places.home()), "home"))
            for line in lines
        ]

    copied = rows()
    monkeypatch.setenv("MMATUNE_HOME", str(tmp_path / "made"))
    make_embedded_store()
    assert rows() == copied
    assert any("home/artifacts/0" in row for row in copied)


def test_settings_of_the_user_win(home, monkeypatch):
    (name, value), *_ = ENVIRONMENT_DEFAULTS.items()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    for asked, kept in (("false", "false"), (None, value)):
        if asked:
            monkeypatch.setenv(name, asked)
        else:
            monkeypatch.delenv(name)
        with pytest.raises(InputError):
            mlflow_client()
        assert os.environ[name] == kept


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://someone:a/b@host/db", "postgresql://***@host/db"),
        ("postgresql://someone:a@b@host:5432/db", "postgresql://***@host:5432/db"),
        ("postgresql://host/db?user=me&password=a/b", "postgresql://host/db?user=me&password=***"),
        ("http://token@host:5000", "http://***@host:5000"),
        ("https://someone:a/b?c#d@host/base", "https://***@host/base"),
        ("s3://key:sec/ret@bucket/path", "s3://***@bucket/path"),
        ("http://someone:secret@host:no-port", "http://***@host:no-port"),
        ("sqlite:////home/me@work/a b.db", "sqlite:////home/me@work/a b.db"),
        ("http://host/me@work", "http://host/me@work"),
        ("/a/folder", "/a/folder"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert hide_password(address) == shown
    assert hide_password(without_credentials(address)) == shown.replace("***@", "")


@given(
    scheme=st.sampled_from(["postgresql", "mysql+pymysql", "http", "https", "s3"]),
    user=st.text("abc-._%+", max_size=6),
    password=st.text("XYZ0123456789/:@?#%&=+ \"'", min_size=4, max_size=12),
    rest=st.sampled_from(["", ":5432", "/db", ":5000/base", "/db?sslmode=require"]),
)
def test_no_password_is_ever_shown(scheme: str, user: str, password: str, rest: str) -> None:
    shown = hide_password(f"{scheme}://{user}:{password}@host.example{rest}")
    assert shown == f"{scheme}://***@host.example{rest}"


def test_a_server_that_is_down_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:1")
    with pytest.raises(InputError, match="no MLflow server answers") as caught:
        mlflow_client()
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)
