"""A study on a cluster, from a laptop that may be shut at any time: submitted, watched, stopped."""

from __future__ import annotations

import contextlib
import json
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from model.synthetic import demo
from model.user_data import write_user_folder
from tests.tuning.ray_head import TOKEN, Head, ray_head
from tuning.mlflow_client import mlflow_client
from tuning.record import runs_of

pytestmark = pytest.mark.ray

NAMED = ("mine", "--name", "far")
EPOCHS = 1000
SPACE = {
    "description": "trials that are long enough to be looked at and stopped",
    "schedule": {"report_every": 10, "first_rung": 20, "reduction_factor": 3},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 8, "training.epochs": EPOCHS},
    "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
    # Alike, so that ASHA stops none of them.
    "start_with": [{"encoder.dropout": 0.1}] * 2,
}
SECRETS = {
    "MLFLOW_TRACKING_USERNAME": "secret-of-mlflow-user",
    "MLFLOW_TRACKING_PASSWORD": "secret-of-mlflow-password",
    "AWS_SECRET_ACCESS_KEY": "secret-of-aws",
}


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ray_head() as started:
        yield started


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    """A folder with a user's data and space, far from the head's."""
    whole = demo()
    rows, columns = slice(60), slice(6)
    small = replace(
        whole,
        mirnas=whole.mirnas[rows],
        small_molecules=whole.small_molecules[columns],
        associations=whole.associations[rows, columns],
        mirna_similarity=whole.mirna_similarity[rows, rows],
        small_molecule_similarity=whole.small_molecule_similarity[columns, columns],
    )
    write_user_folder(small, tmp_path / "mine")
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    return tmp_path


def start(head: Head, laptop: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from tuning.cli import main; main()", *arguments],
        cwd=laptop,
        env={**head.laptop(laptop / "home"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str], code: int) -> tuple[str, str]:
    try:
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == code, (out, err)
    return out, err


def kill_once_it_runs(process: subprocess.Popen[str]) -> None:
    """SIGKILL the command that submits a study, once it says that it did."""
    assert process.stderr
    try:
        line = process.stderr.readline()
        assert "runs on the cluster" in line, line + process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()


def wait_for_epoch(head: Head, epoch: int) -> None:
    """Until two trials of the study came so far."""
    path = head.home / "studies" / "far" / "record" / "events.jsonl"
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        events = [json.loads(line) for line in lines]
        far = {one["run"] for one in events if one["kind"] == "metrics" and one["step"] >= epoch}
        if len(far) == 2:
            return
        time.sleep(0.2)
    pytest.fail(f"no two trials came to epoch {epoch} within 150 s")


def statuses(head: Head, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How the trials ended, by MLflow on the head."""
    monkeypatch.setenv("MMATUNE_HOME", str(head.home))
    client = mlflow_client()
    runs = runs_of(client, client.get_experiment_by_name("far").experiment_id)
    assert all(run.info.status != "RUNNING" for run in runs)
    return Counter(run.data.tags["status"] for run in runs if run.data.tags["kind"] == "trial")


class Tunnel:
    """What `ray attach -p 8265` is: a port of the laptop that leads to the head's dashboard."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.target = (host, int(port))
        self.links: list[socket.socket] = []
        self.tailed = threading.Event()  # somebody follows a log
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            self.links += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
                if b"/logs/tail " in data:
                    self.tailed.set()
        other.close()

    def cut(self) -> None:
        """As a laptop that sleeps does it."""
        for link in (self.listener, *self.links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        self.links.clear()

    def open(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()


def test_a_study_outlives_the_laptop_is_stopped_and_goes_on(
    head: Head, laptop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submitted, its client killed, watched through a tunnel that breaks, stopped; and again."""
    where = ("--address", head.address)
    options = ("--space", "space.yaml", "--trials", "2")
    kill_once_it_runs(start(head, laptop, "tune", *NAMED, *options, *where, **SECRETS))

    tunnel = Tunnel(head.address)
    through = ("--address", f"http://127.0.0.1:{tunnel.port}")
    watching = start(head, laptop, "study", "watch", "far", *through)
    assert tunnel.tailed.wait(60)
    tunnel.cut()
    time.sleep(1)
    tunnel.open()
    wait_for_epoch(head, 40)
    out, _ = said(start(head, laptop, "study", "stop", "far", *where, "--json"), 0)
    assert json.loads(out) == {"study": "far", "stopped": True}
    _, err = said(watching, 130)
    assert err.count("The connection is lost") == 1
    assert f"--name far --resume {shlex.join(through)}" in err
    for number in (1, 2):
        assert err.count(f"trial-00{number} killed after") == 1, err
    assert statuses(head, monkeypatch) == {"killed": 2}
    _, err = said(start(head, laptop, "study", "stop", "far", *where), 2)
    assert "any more" in err

    kill_once_it_runs(start(head, laptop, "tune", *NAMED, "--resume", *where, **SECRETS))
    out, err = said(start(head, laptop, "study", "watch", "far", *where, "--json"), 0)
    document = json.loads(out)
    assert (document["study"], document["dataset"]) == ("far", "mine")
    assert document["model"]["version"] == 1
    for number in (1, 2):
        line = f"trial-00{number} finished after {EPOCHS} of {EPOCHS} epochs"
        assert err.count(line) == 1, err
    assert statuses(head, monkeypatch) == {"finished": 2}
    assert not (laptop / "home" / "studies").exists()

    listed = requests.get(
        f"{head.address}/api/jobs/", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
    ).text
    assert "mmatune tune data/mine --name far" in listed
    logs = [path.read_text(errors="replace") for path in head.logs("*far*")]
    assert any("trial-001" in log for log in logs)
    for secret in (*SECRETS.values(), TOKEN):
        for text in (listed, *logs):
            assert secret not in text


def test_a_wrong_token_and_a_silent_address_are_one_line(head: Head, laptop: Path) -> None:
    (laptop / "wrong").write_text("0" * len(TOKEN))
    nobody = "http://127.0.0.1:9"  # the port of a service that nobody runs any more
    tries = [
        (head.address, {"RAY_AUTH_TOKEN_PATH": str(laptop / "wrong")}, "token is not that of"),
        (head.address, {"RAY_AUTH_TOKEN_PATH": str(laptop / "none")}, "token is not that of"),
        (head.address, {"RAY_AUTH_MODE": "disabled"}, "token is not that of"),
        (nobody, {}, f"no Ray dashboard answers at {nobody}"),
        # Ray itself would take these for the address.
        (nobody, {"RAY_ADDRESS": head.address}, f"no Ray dashboard answers at {nobody}"),
        ("ray://127.0.0.1:10001", {}, "die with the connection"),
    ]
    begun = [
        start(head, laptop, "tune", *NAMED, "--address", address, **environment)
        for address, environment, _ in tries
    ]
    for process, (_, _, expected) in zip(begun, tries, strict=True):
        out, err = said(process, 2)
        assert out == ""
        assert expected in err
        assert err.startswith("error: --address: ")
        assert err.count("\n") == 1, err
