"""The record survives a server that is away, a driver that dies and a telling that is cut short."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.survival import accounted_for_once
from tuning.ending import Ending
from tuning.record.client import mlflow_client
from tuning.record.delivery import deliver
from tuning.record.events import pending, refused, refused_file
from tuning.record.study_record import StudyRecord, runs_of

ROOT = Path(__file__).resolve().parents[3]
POINTS = [(name, epoch) for name in ("a", "b") for epoch in (5, 10, 15)]


class Away(Exception):
    """The server does not answer."""


class Flaky:
    """A client of which one call is lost: on the way there, or its answer on the way back."""

    def __init__(self, client: Any, fails: int, *, heard: bool) -> None:
        self.client, self.fails, self.heard, self.calls = client, fails, heard, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls != self.fails:
                return method(*arguments, **options)
            if self.heard:
                method(*arguments, **options)
            raise Away

        return call


def written(folder: Path, name: str, tmp_path: Path) -> tuple[Any, StudyRecord]:
    """A record of two trials, and of one that was deleted, that nobody has told yet."""
    client = mlflow_client()
    record = StudyRecord.create(
        client,
        name,
        tags={"study": name},
        params={},
        artifact_location=tmp_path / name,
        spool=folder,
    )
    assert record.spool is not None
    record.spool.stop()
    checkpoint = tmp_path / "model.safetensors"
    for trial in ("a", "b"):
        checkpoint.write_text(trial)
        run = record.open_child("trial", trial, {"mask.rate": 0.5})
        for epoch in (5, 10, 15):
            record.log_metrics(run, {"auc": epoch / 100, "ap": float("nan"), "loss": 1}, step=epoch)
        record.log_file(run, checkpoint, "checkpoint")
        record.log_json(run, {"of": trial}, "note.json")
        record.close(run, Ending.STOPPED, reason="at a rung")
    checkpoint.unlink()
    record.delete(record.open_child("trial", "c", {"mask.rate": 0.5}))
    return client, record


def check(client: Any, record: StudyRecord, tmp_path: Path) -> None:
    runs = runs_of(client, record.experiment_id, "tags.kind = 'trial'")
    assert sorted(run.info.run_name for run in runs) == ["a", "b"]
    for run in runs:
        run_id = run.info.run_id
        assert run.data.params == {"mask.rate": "0.5"}
        points = client.get_metric_history(run_id, "auc")
        assert [(point.step, point.value) for point in points] == [(5, 0.05), (10, 0.1), (15, 0.15)]
        assert "ap" not in run.data.metrics
        assert (run.info.status, run.data.tags["status"]) == ("KILLED", "stopped early")
        kept = client.download_artifacts(run_id, "checkpoint/model.safetensors", str(tmp_path))
        assert Path(kept).read_text() == run.info.run_name


@pytest.mark.heavy
@pytest.mark.parametrize("heard", [False, True])
def test_a_call_lost_anywhere_is_made_again_and_nothing_doubled(
    heard: bool, home: Path, tmp_path: Path
) -> None:
    number = 1
    while True:
        name = f"s{number}"
        client, record = written(tmp_path / f"spool-{number}", name, tmp_path)
        flaky = Flaky(client, number, heard=heard)
        folder = tmp_path / f"spool-{number}"
        try:
            deliver(folder, flaky, record.experiment_id)
            lost = False
        except Away:
            lost = True
            assert pending(folder)
            deliver(folder, client, record.experiment_id)
        assert not pending(folder)
        assert not refused(folder)
        check(client, record, tmp_path)
        assert not list((folder / "files").iterdir())
        if not lost:
            break
        number += 1
    assert number > 10


def test_a_line_cut_by_the_death_of_its_process_is_no_event(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    client, record = written(folder, "torn", tmp_path)
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"kind": "tags", "run": "x", "val')
    deliver(folder, client, record.experiment_id)
    check(client, record, tmp_path)
    again = StudyRecord(client, record.experiment_id, record.run_id, {})
    from tuning.record.spool import Spool

    again.spool = Spool(folder, client, record.experiment_id)
    again.set_tags(record.run_id, {"after": "wards"})
    assert again.spool.drain(300)
    again.spool.stop()
    assert client.get_run(record.run_id).data.tags["after"] == "wards"


def test_a_refused_request_is_kept_and_holds_up_nothing(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    client, record = written(folder, "refused", tmp_path)
    lines = (folder / "events.jsonl").read_text().splitlines()
    bad = json.dumps({"kind": "tags", "run": "no-such-run", "values": {"a": "b"}})
    (folder / "events.jsonl").write_text("\n".join([lines[0], bad, *lines[1:]]) + "\n")
    deliver(folder, client, record.experiment_id)
    check(client, record, tmp_path)
    assert refused(folder) == 1
    assert "no-such-run" in (folder / "refused.jsonl").read_text()


def test_a_run_deleted_in_the_ui_takes_no_points_of_its_neighbours_along(
    home: Path, tmp_path: Path
) -> None:
    """Points of two runs share a request, which MLflow refuses as a whole."""
    folder = tmp_path / "spool"
    client = mlflow_client()
    record = StudyRecord.create(
        client, "ui", tags={"study": "ui"}, params={}, artifact_location=tmp_path, spool=folder
    )
    assert record.spool is not None
    record.spool.stop()
    runs = {name: record.open_child("trial", name, {}) for name in ("deleted", "neighbour")}
    deliver(folder, client, record.experiment_id)
    found = {run.info.run_name: run for run in runs_of(client, record.experiment_id)}
    client.delete_run(found["deleted"].info.run_id)
    for epoch in (5, 10):
        for key in runs.values():
            record.log_metrics(key, {"auc": epoch / 100}, step=epoch)
    assert deliver(folder, client, record.experiment_id) == 4
    points = client.get_metric_history(found["neighbour"].info.run_id, "auc")
    assert [point.step for point in points] == [5, 10]
    assert refused(folder) == 2
    kept = [json.loads(line) for line in refused_file(folder).read_text().splitlines()]
    assert {event["run"] for one in kept for event in one["events"]} == {runs["deleted"]}


@pytest.mark.parametrize(
    "damage",
    [b"\0" * 40, b'{"kind": "metrics", "run": "a", "va', b'{"kind": "metrics", "run": "a"}', b"[]"],
    ids=["zeros", "half", "without values", "no event"],
)
@pytest.mark.parametrize("position", ["", "{", "[]", None])
@pytest.mark.survives(
    "a crash of the machine garbles a line of a study's record, or how far it was delivered",
    "the line is set aside and told; all others are delivered, once",
)
def test_a_garbled_line_blocks_nothing(
    damage: bytes, position: str | None, home: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    client, record = written(folder, "garbled", tmp_path)
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "events.jsonl").write_bytes(b"".join([*lines[:3], damage + b"\n", *lines[3:]]))
    if position is not None:
        deliver(folder, client, record.experiment_id, stop=iter([False, False, True]).__next__)
        (folder / "position.json").write_text(position)
    deliver(folder, client, record.experiment_id)
    check(client, record, tmp_path)
    assert refused(folder) == 1
    assert pending(folder) == 0


def test_files_that_wait_are_found_where_the_home_is_now(home: Path, tmp_path: Path) -> None:
    client, record = written(tmp_path / "before", "moved", tmp_path)
    folder = (tmp_path / "before").rename(tmp_path / "after")
    deliver(folder, client, record.experiment_id)
    check(client, record, tmp_path)


def test_writing_calls_no_server(home: Path, tmp_path: Path) -> None:
    """A curve costs the study a line on disk a point, whatever the server does."""
    callers = set()

    class Watched(Flaky):
        def __getattr__(self, name: str) -> Any:
            callers.add(threading.current_thread().name)
            raise Away

    folder = tmp_path / "spool"
    client = mlflow_client()
    record = StudyRecord.create(
        client, "w", tags={"study": "w"}, params={}, artifact_location=tmp_path, spool=folder
    )
    assert record.spool is not None
    assert record.spool.drain(300)
    record.client = record.spool._target = Watched(client, 0, heard=False)  # type: ignore[assignment]
    record.spool._target = (record.client, record.experiment_id)
    run = record.open_child("trial", "a", {})
    for epoch in range(1000):
        record.log_metrics(run, {"auc": 0.5}, step=epoch)
    with pytest.raises(InputError, match=r"wait on disk .Away.*study sync"):
        record.wait(1.5)
    assert callers == {"record"}
    record.spool.stop()


SPACE = {
    "description": "short trials with long curves",
    "schedule": {"report_every": 4, "first_rung": 52},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": 100},
    "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
}


@pytest.mark.ray
@pytest.mark.survives(
    "the MLflow server is killed, for half a minute",
    "the study goes on and writes its record to disk; the server is told when it is back, each"
    " point once ([how](docs/record.md))",
)
@pytest.mark.parametrize("seconds", [0, pytest.param(30, marks=pytest.mark.slow)])
def test_a_server_that_is_killed_in_the_middle_costs_no_trial_and_no_point(
    seconds: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tuning.study
    from tuning.plan import StudyPlan

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    degree = {"additive degree": tuning.study.BASELINES["additive degree"]}
    monkeypatch.setattr(tuning.study, "BASELINES", degree)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    server = _server(home, port)
    events = home / "studies" / "away" / "record" / "events.jsonl"
    restarted: list[subprocess.Popen[bytes]] = []

    def wait_for_points(number: int) -> None:
        while not events.exists() or events.read_text().count('"auc"') < number:
            time.sleep(0.1)

    def cut() -> None:
        wait_for_points(10)
        os.killpg(server.pid, signal.SIGKILL)
        wait_for_points(40)  # meanwhile the study goes on, on disk
        time.sleep(seconds)
        restarted.append(_server(home, port))

    cutter = threading.Thread(target=cut, daemon=True)
    cutter.start()
    try:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        space = SearchSpace.model_validate(SPACE)
        result = tuning.study.run_study(StudyPlan("away", demo(), HONEST, "t", space, 4, 0, None))
        cutter.join()
        assert restarted, "the study was over before the server was cut"
        assert result.registration is not None
        kinds = Counter(
            run.data.tags["kind"] for run in runs_of(mlflow_client(), result.experiment_id)
        )
        del kinds["ensemble"]  # recorded where several trials together are better than each alone
        assert kinds == {"study": 1, "baseline": 1, "trial": 4}
        runs = accounted_for_once("away", 4, home / "studies" / "away")
        assert all(run.data.tags["status"] in ("finished", "stopped early") for run in runs)
    finally:
        for process in (server, *restarted):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _server(home: Path, port: int) -> subprocess.Popen[bytes]:
    """A tracking server over the home's store, once it answers."""
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'served.db'}"]
    command += ["--artifacts-destination", str(home / "served")]
    process = subprocess.Popen(
        command,
        env={
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_TRACKING_URI": "",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None:
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=30).ok:
                return process
        except requests.RequestException:
            time.sleep(0.1)
    pytest.fail("the server did not start")
