"""A password for the tracking server stays in the environment of who has it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml
from typer.testing import CliRunner

from tests.deployment.conftest import Server
from tuning.record.client import mlflow_client
from tuning.record.study_record import runs_of

pytestmark = pytest.mark.slow

USER, SECRET = "eve", "eve-secret-7-long"
# Itself, and as a request's header has it.
FORMS = (SECRET.encode(), base64.b64encode(f"{USER}:{SECRET}".encode()))
STUDY = "kept-quiet"
SPACE = {
    "description": "a trial that finishes and one that raises",
    "schedule": {"report_every": 10, "first_rung": 20},
    "fixed": {"encoder.layers": 1, "training.epochs": 20},
    "search": {"features.dim": {"type": "choice", "choices": [0, 5]}},
    "start_with": [{"features.dim": 0}, {"features.dim": 5}],
}
Texts = dict[str, bytes]


@pytest.fixture(scope="module")
def said(deployed: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Texts]:
    """What the commands printed and all processes were called while they ran, by where it was."""
    import tuning.study
    from tuning.cli import command_line

    home = tmp_path_factory.mktemp("quiet-home")
    report = home / "report.html"
    (home / "space.yaml").write_text(yaml.safe_dump(SPACE))
    admin = tuple(
        deployed.environment[f"MLFLOW_AUTH_ADMIN_{name}"] for name in ("USERNAME", "PASSWORD")
    )
    with deployed.running(), pytest.MonkeyPatch.context() as patch, arguments() as called:
        made = requests.post(
            f"{deployed.url}/api/2.0/mlflow/users/create",
            json={"username": USER, "password": SECRET},
            auth=admin,
            timeout=30,
        )
        assert made.ok, made.text
        as_eve(patch, home, deployed)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        one = {"additive degree": tuning.study.BASELINES["additive degree"]}
        patch.setattr(tuning.study, "BASELINES", one)
        tune = ["tune", "demo", "--space", str(home / "space.yaml"), "--trials", "2"]
        printed = {}
        for line in (
            [*tune, "--name", STUDY],
            ["study", "show", STUDY],
            ["report", STUDY, "--out", str(report)],
        ):
            done = CliRunner().invoke(command_line(), line, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            printed[f"what {line[0]} printed"] = done.output.encode()
        # The other way to give a password, in the address, and a server that is not there.
        patch.setenv("MLFLOW_TRACKING_URI", f"http://{USER}:{SECRET}@127.0.0.1:9")
        failed = CliRunner().invoke(command_line(), ["study", "list"])
        printed["an error"] = str(failed.exception).encode()
        assert "no MLflow server answers" in str(failed.exception)
        yield {**printed, "home": str(home).encode(), "arguments of processes": called}


def as_eve(patch: pytest.MonkeyPatch, home: Path, deployed: Server) -> None:
    patch.setenv("MMATUNE_HOME", str(home))
    patch.setenv("MLFLOW_TRACKING_URI", deployed.url)
    patch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)


@pytest.fixture(autouse=True)
def in_her_home(home: Path, said: Texts, deployed: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `home`, which gives every test one of its own."""
    as_eve(monkeypatch, Path(said["home"].decode()), deployed)


@contextmanager
def arguments() -> Iterator[bytearray]:
    """How every process of the machine was called that runs in the meantime."""
    seen: set[bytes] = set()
    joined, over = bytearray(), threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    line = (process / "cmdline").read_bytes()
                except OSError:
                    continue  # it ended
                if line not in seen:
                    seen.add(line)
                    joined.extend(line)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield joined
    finally:
        over.set()
        thread.join()


def leaks(said: Texts, deployed: Server) -> list[str]:
    """Where the password stands, of all that a study and its report leave behind."""
    home = Path(os.environ["MMATUNE_HOME"])
    texts = dict(said)
    texts["the server's log"] = deployed.log.read_bytes()
    client = mlflow_client()
    experiment = client.get_experiment_by_name(STUDY)
    texts["the experiment"] = str(vars(experiment)).encode()
    for version in client.search_model_versions():
        texts[f"model version {version.version}"] = str(vars(version)).encode()
    with tempfile.TemporaryDirectory() as downloads:
        for run in runs_of(client, experiment.experiment_id):
            texts[run.info.run_name] = str(run.to_dictionary()).encode()
            folder = Path(downloads, run.info.run_id)
            folder.mkdir()
            for file in client.list_artifacts(run.info.run_id):
                client.download_artifacts(run.info.run_id, file.path, str(folder))
        # Ray calls a session's folder by the process that started it.
        sessions = Path(tempfile.gettempdir(), "ray").glob(f"session_*_{os.getpid()}")
        for folder in (home, Path(downloads), *sessions):
            for path in folder.rglob("*"):
                if path.is_file():
                    texts[str(path)] = path.read_bytes()
    assert any("raylet" in where for where in texts), "Ray's logs are not where they were"
    assert any("checkpoint" in where for where in texts), "no artifact was seen"
    return [where for where, text in texts.items() if any(form in text for form in FORMS)]


def test_no_file_log_run_report_or_argument_has_it(said: Texts, deployed: Server) -> None:
    assert leaks(said, deployed) == []


def test_a_planted_leak_is_found(said: Texts, deployed: Server) -> None:
    home = Path(os.environ["MMATUNE_HOME"])
    client = mlflow_client()
    run = runs_of(client, client.get_experiment_by_name(STUDY).experiment_id)[-1].info.run_id
    session = next(Path(tempfile.gettempdir(), "ray").glob(f"session_*_{os.getpid()}"))
    for planted in (home / "studies" / STUDY / "planted", session / "logs" / "planted"):
        planted.write_bytes(FORMS[1])
        assert leaks(said, deployed) == [str(planted)]
        planted.unlink()
    client.set_tag(run, "planted", SECRET)
    assert len(leaks(said, deployed)) == 1
    client.delete_tag(run, "planted")
    client.log_text(run, SECRET, "planted.txt")
    (found,) = leaks(said, deployed)
    assert found.endswith("planted.txt")
    with arguments() as called:
        sleep = "import time; time.sleep(1.5)"
        subprocess.run([sys.executable, "-c", sleep, SECRET], check=True)
    assert FORMS[0] in called
