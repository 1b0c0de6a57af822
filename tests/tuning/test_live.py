"""The live table: whole names in a narrow terminal, and what it says of time."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from model.evaluation.epoch_choice import Choice
from tuning.ending import Ending
from tuning.live import LiveTable, duration

PARAMS = {
    "encoder.type": "linear",
    "mask.rate": 0.2,
    "degree_decoder.alpha": 0.006,
    "training.epochs": 300,
}
LONGEST = "trial-002 (hand-tuned-head)"


def drawn(table: LiveTable, width: int) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table._table())
    return capture.get()


@pytest.mark.parametrize("width", [80, 91, 100])
def test_a_name_is_whole(width: int) -> None:
    table = LiveTable("s", 4, ("neighbour propagation", 0.889))
    for number, name in enumerate((LONGEST, "trial-001 (published)")):
        table.start(str(number), name, PARAMS)
        table.report(str(number), 300, Choice(300, 0.9))
    table.rows["0"]["status"] = Ending.STOPPED.value  # the longest word there
    shown = drawn(table, width)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    for part in ("(hand-tuned-head)", "stopped early", "300/300", "0.9000", "linear", "0.006"):
        assert part in shown


def test_what_remains_is_told_at_the_pace_so_far() -> None:
    table = LiveTable("s", 10, started=time.time() - 500)
    for number in range(5):
        table.start(str(number), f"trial-{number}", PARAMS, at=time.time() - 60)
    assert table.remaining() is None
    for number in range(3):
        table.rows[str(number)]["status"] = Ending.FINISHED.value
    # Three in a minute, seven to come.
    assert table.remaining() == pytest.approx(140, abs=5)
    shown = drawn(table, 100)
    assert shown.startswith("s  8 min 2")  # counted from the study's start
    assert "about 2 min 2" in shown


def test_what_was_over_before_a_study_went_on_tells_no_pace() -> None:
    table = LiveTable("s", 10)
    for number in range(4):
        table.start(str(number), f"trial-{number}", PARAMS, at=0.0)
        table.rows[str(number)]["status"] = Ending.FINISHED.value
    table.first_trial = None  # another driver goes on
    table.start("4", "trial-4", PARAMS)
    assert table.remaining() is None


def test_durations() -> None:
    assert [duration(seconds) for seconds in (5, 65, 3660)] == ["5 s", "1 min 05 s", "1 h 01 min"]
