"""A study on a cluster, from a laptop that may be shut at any time: submitted, watched, stopped."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from model.data.synthetic import demo
from model.data.user_data import write_user_folder
from tests.model.parts import part_of
from tests.tuning.commands_run import COMMAND
from tests.tuning.ray_head import TOKEN, Head, ray_head
from tuning.record.client import mlflow_client
from tuning.record.study_record import runs_of

pytestmark = pytest.mark.ray

NAMED = ("mine", "--name", "far")
EPOCHS = 20_000
SPACE = {
    "description": "a trial that is long enough to be looked at and stopped",
    "schedule": {"report_every": 200, "first_rung": 400, "reduction_factor": 3},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 8, "training.epochs": EPOCHS},
    "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
    "start_with": [{"encoder.dropout": 0.1}],
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


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a user's data and space, far from the head's."""
    folder = tmp_path_factory.mktemp("laptop")
    write_user_folder(part_of(demo(), range(60), range(6)), folder / "mine")
    (folder / "space.yaml").write_text(yaml.safe_dump(SPACE))
    return folder


@pytest.fixture(scope="module")
def stopped(head: Head, laptop: Path) -> tuple[str, str]:
    """A study that was submitted, its client killed, that was watched through a tunnel that broke,
    and stopped; what `watch` and `stop` said."""
    options = ("--space", "space.yaml", "--trials", "1", "--address", head.address)
    kill_once_it_runs(start(head, laptop, "tune", *NAMED, *options, **SECRETS))
    tunnel = Tunnel(head.address)
    watching = start(head, laptop, "study", "watch", "far", "--address", tunnel.address)
    try:
        assert tunnel.tailed.wait()
        tunnel.cut()
        time.sleep(1)
        tunnel.open()
        wait_for_epoch(head, 600)
        stop = ("study", "stop", "far", "--address", head.address, "--json")
        out, _ = said(start(head, laptop, *stop), 0)
        _, err = said(watching, 130)
    finally:
        watching.kill()
        tunnel.cut()
    return err, out


def start(head: Head, laptop: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=laptop,
        env={**head.laptop(laptop / "home"), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str], code: int) -> tuple[str, str]:
    try:
        out, err = process.communicate()
    finally:
        process.kill()
    assert process.returncode == code, (out, err)
    return out, err


def kill_once_it_runs(process: subprocess.Popen[str]) -> None:
    """SIGKILL the command that submits a study, once it says that it did."""
    assert process.stderr
    try:
        line = process.stderr.readline()
        assert "runs on the cluster" in line, line + process.communicate()[1]
    finally:
        process.kill()
        process.communicate()


def wait_for_epoch(head: Head, epoch: int) -> None:
    """Until a trial of the study came so far."""
    path = head.home / "studies" / "far" / "record" / "events.jsonl"
    while True:
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        events = [json.loads(line) for line in lines]
        if any(one["kind"] == "metrics" and one["step"] >= epoch for one in events):
            return
        time.sleep(0.2)


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
        self.address = f"http://127.0.0.1:{self.port}"
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


@pytest.mark.survives(
    "the laptop that submitted a study to a cluster",
    "the study goes on; `study watch` looks on again, `study stop` ends it in order",
)
def test_a_study_outlives_the_laptop_and_is_stopped_in_order(
    stopped: tuple[str, str], head: Head, laptop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, said_by_stop = stopped
    assert json.loads(said_by_stop) == {"study": "far", "stopped": True}
    assert watched.count("The connection is lost") == 1
    assert "no trial has a score" in watched
    assert "mmatune tune DATASET --name far --resume --address http://127.0.0.1:" in watched
    assert statuses(head, monkeypatch) == {"killed": 1}
    assert not (laptop / "home" / "studies").exists()


def test_no_credential_of_the_laptop_is_shown(stopped: tuple[str, str], head: Head) -> None:
    listed = requests.get(
        f"{head.address}/api/jobs/", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
    ).text
    assert "mmatune tune data/mine --name far" in listed
    logs = [path.read_text(errors="replace") for path in head.logs("*far*")]
    assert any("trial-001" in log for log in logs)
    for secret in (*SECRETS.values(), TOKEN):
        for text in (listed, *logs):
            assert secret not in text


@pytest.mark.slow
def test_a_stopped_study_goes_on_and_is_seen_to_end(
    stopped: tuple[str, str], head: Head, laptop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--address", head.address)
    _, err = said(start(head, laptop, "study", "stop", "far", *where), 2)
    assert "drives the study 'far' any more" in err
    kill_once_it_runs(start(head, laptop, "tune", *NAMED, "--resume", *where, **SECRETS))
    out, err = said(start(head, laptop, "study", "watch", "far", *where, "--json"), 0)
    document = json.loads(out)
    assert (document["study"], document["dataset"]) == ("far", "mine")
    assert document["model"]["version"] == 1
    line = f"1/1 trial-001 finished after {EPOCHS} of {EPOCHS} epochs"
    assert err.count(line) == 1, err
    assert statuses(head, monkeypatch) == {"finished": 1}


def test_a_wrong_token_and_a_silent_address_are_one_line(
    head: Head, laptop: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("0" * len(TOKEN))
    nobody = "http://127.0.0.1:9"  # the port of a service that nobody runs any more
    tries = [
        (head.address, {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "wrong")}, "token is not that of"),
        (head.address, {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}, "token is not that of"),
        (head.address, {"RAY_AUTH_MODE": "disabled"}, "token is not that of"),
        # Ray itself would take the other for the address.
        (nobody, {"RAY_ADDRESS": head.address}, f"no Ray dashboard answers at {nobody}"),
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
