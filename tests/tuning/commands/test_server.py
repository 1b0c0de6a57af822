"""`mmatune server`: starts, shows what the client wrote, and leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from model.errors import InputError
from tests.listening import listens_on_loopback_alone
from tuning.commands.server import server
from tuning.home import artifact_root
from tuning.record.client import mlflow_client

ROOT = Path(__file__).resolve().parents[3]
COMMAND = "import typer; from tuning.commands.server import server; typer.run(server)"


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def started(port, home):
    """A starting `mmatune server`; stopped, with all it started, however the test ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "--port", str(port), "--json"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "MMATUNE_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.groups = set()  # what it was seen to start, which may outlive it
    yield process
    for group in process.groups | child_groups(process.pid):
        if in_group(group):
            os.killpg(group, signal.SIGKILL)
    process.kill()
    process.communicate()


def processes():
    """(process, parent, group) of everything that runs."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, check=True
    )
    return [tuple(map(int, line.split())) for line in table.stdout.splitlines()]


def child_groups(parent):
    return {group for _, its_parent, group in processes() if its_parent == parent}


def in_group(group):
    return [process for process, _, its_group in processes() if its_group == group]


@pytest.mark.heavy
def test_it_shows_the_embedded_store_and_ends_cleanly(started, port, home):
    client = mlflow_client()
    folder = artifact_root() / "shown"
    experiment = client.create_experiment("shown", artifact_location=str(folder))
    run = client.create_run(experiment).info.run_id
    client.log_text(run, "hello", "note.txt")

    ready = json.loads("".join(iter(started.stdout.readline, "}\n")) + "}")
    url = f"http://127.0.0.1:{port}"
    assert ready["url"] == url
    assert requests.get(f"{url}/health", timeout=60).text == "OK"
    assert listens_on_loopback_alone(started.pid)
    api = f"{url}/api/2.0/mlflow/experiments/get-by-name"
    found = requests.get(api, params={"experiment_name": "shown"}, timeout=60).json()["experiment"]
    assert found["experiment_id"] == experiment
    note = {"run_id": run, "path": "note.txt"}
    assert requests.get(f"{url}/get-artifact", params=note, timeout=60).text == "hello"

    with pytest.raises(InputError, match=f"port {port} is in use - .*--port {port + 1}"):
        server(port=port)

    started.groups = child_groups(started.pid)
    (group,) = started.groups
    assert len(in_group(group)) == 2
    started.send_signal(signal.SIGINT)
    assert started.wait() == 0
    assert in_group(group) == []
    assert "Shutting down" in (home / "mlflow-server.log").read_text()


@pytest.mark.heavy
def test_interrupting_the_start_leaves_nothing_behind(started, home):
    (home / "mlflow.db").touch()  # nothing to make first, so that the server starts at once
    while not started.groups:
        assert started.poll() is None
        time.sleep(0.05)
        started.groups = child_groups(started.pid)
    (group,) = started.groups
    started.send_signal(signal.SIGTERM)
    assert started.wait() == 0
    assert in_group(group) == []
    assert started.stdout.read() == ""


@pytest.mark.heavy
def test_a_server_that_cannot_start_says_why(home, port):
    (home / "mlflow.db").write_text("this is no database, but a text of some length" * 100)
    with pytest.raises(InputError, match="did not start") as caught:
        server(port=port)
    assert str(home / "mlflow-server.log") in str(caught.value)
    assert "not a database" in (home / "mlflow-server.log").read_text()


def test_where_a_server_tracks_studies_none_is_started(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.org")
    with pytest.raises(InputError, match=r"server at https://\*\*\*@mlflow\.example\.org"):
        server()


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(InputError, match=r"cannot listen on 192\.0\.2\.1"):
        server(host="192.0.2.1")
