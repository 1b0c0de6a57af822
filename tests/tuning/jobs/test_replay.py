"""A study seen from beside its driver: from its record on this machine, or from its job's log."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from model.network.autoencoder import Configuration
from tuning.jobs.replay import Replay, watch_driver
from tuning.record.driver import is_driven
from tuning.record.driver_lock import driving, spool_folder
from tuning.record.events import events_from
from tuning.record.job_log import SUBMITTED_BY, Announcer, JobLog
from tuning.record.study_record import StudyRecord


class NoServer:
    """MLflow, while it is away."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError


def record(study: str) -> StudyRecord:
    from tuning.record.spool import Spool

    tags = {"study": study, "dataset": "demo"}
    spool = Spool(spool_folder(study), NoServer(), "1")  # type: ignore[arg-type]
    return StudyRecord(NoServer(), "1", "own", tags, spool)  # type: ignore[arg-type]


def drive(one: StudyRecord) -> None:
    """What drivers of a study write: two baselines, four trials, one of which is deleted."""
    from tuning.ending import Ending

    params = Configuration().dotted()
    one.log_params("own", {"trials": 4, "max_epochs": 300})
    for name, auc in (("weak", 0.6), ("strong", 0.8)):
        run = one.open_child("baseline", name, {})
        one.log_metrics(run, {"auc": auc, "ap": 0.5}, step=0)
        one.close(run, Ending.FINISHED)
    runs = [one.open_child("trial", f"trial-00{number}", params) for number in (1, 2, 3)]
    for epoch in (10, 20):
        for place, run in enumerate(runs):
            one.log_metrics(run, {"auc": 0.5 + place / 10 + epoch / 1000}, step=epoch)
    one.close(runs[0], Ending.STOPPED)
    forgotten = one.open_child("trial", "trial-004", params)
    # The driver died. The next one goes on with the second trial; of the third it knows nothing.
    one.reopen("own")
    one.delete(forgotten)
    one.reopen(runs[1])
    one.log_metrics(runs[1], {"auc": float("nan")}, step=30)
    one.log_metrics(runs[1], {"auc": 0.7}, step=40)
    one.close(runs[1], Ending.FINISHED)
    one.log_json("own", [], "leaderboard.json")
    assert one.spool is not None
    one.spool.stop()


def shown(replay: Replay) -> list[tuple[Any, ...]]:
    keys = ("name", "status", "epoch", "auc", "encoder", "mask", "epochs")
    return [tuple(row.get(key) for key in keys) for row in replay.table.rows.values()]


def test_the_table_is_drawn_from_the_record(home: Path) -> None:
    drive(record("seen"))
    replay = Replay("seen")
    for event, _ in events_from(spool_folder("seen")):
        replay.see(event)
    config = Configuration().dotted()
    rest = (config["encoder.type"], config["mask.rate"], config["training.epochs"])
    assert shown(replay) == [
        ("trial-001", "stopped early", 20, 0.52, *rest),
        ("trial-002", "finished", 40, 0.7, *rest),
        ("trial-003", "killed", 20, 0.72, *rest),
    ]
    assert replay.table.to_beat == ("strong", 0.8)
    assert replay.table.trials == 4


@pytest.mark.parametrize("length", [1, 7, 100_000])
def test_the_log_of_a_job_shows_the_same_table(
    length: int, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever pieces it comes in, and whatever else is in it."""
    monkeypatch.setenv(SUBMITTED_BY, "0.1.0")
    document = {"rows": [{"name": "a {"}], "model": None, "empty": {}}
    print("Running entrypoint", flush=True)
    drive(record("far"))
    print(json.dumps(document, indent=2), flush=True)
    print("Traceback\n  and more", flush=True)
    text = capfd.readouterr().out
    from_record, from_log, log = Replay("far"), Replay("far"), JobLog()
    for event, _ in events_from(spool_folder("far")):
        from_record.see(event)
    for start in range(0, len(text), length):
        for event in log.feed(text[start : start + length]):
            from_log.see(event)
    assert shown(from_log) == shown(from_record)
    assert len(shown(from_log)) == 3
    assert from_log.table.to_beat == ("strong", 0.8)
    assert from_log.table.trials == 4
    assert log.document == document
    assert list(log.text) == ["Running entrypoint", "Traceback", "  and more"]
    assert log.size == len(text)


def test_a_job_that_goes_on_tells_first_what_was(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    drive(record("far"))
    assert capfd.readouterr().out == ""
    monkeypatch.setenv(SUBMITTED_BY, "0.1.0")
    again = record("far")
    assert again.spool is not None
    again.spool.stop()
    log, replay = JobLog(), Replay("far")
    for event in log.feed(capfd.readouterr().out):
        replay.see(event)
    assert len(shown(replay)) == 3


def test_only_what_a_table_shows_goes_into_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    log = Announcer()
    log.announce({"kind": "tags", "run": "a", "values": {"reason": "secret"}})
    log.announce({"kind": "text", "run": "a", "text": "secret", "file": "x"})
    log.announce({"kind": "params", "run": "a", "values": {"max_epochs": "9"}})
    assert capfd.readouterr().out == ""


def test_a_study_of_another_terminal_is_watched_until_it_ends(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = record("seen")
    drives = driving("seen")
    drives.__enter__()
    assert is_driven("seen")
    assert not is_driven("another")
    watcher = threading.Thread(target=watch_driver, args=("seen",))
    watcher.start()
    drive(one)
    watcher.join(2)
    assert watcher.is_alive(), "nobody has ended the study yet"
    drives.__exit__(None, None, None)
    watcher.join(10)
    assert not watcher.is_alive()
    err = capsys.readouterr().err
    assert "1/4 trial-001 stopped early after 20 of" in err
    assert "finished after 40 of" in err
    assert not (home / "studies" / "another").exists()
