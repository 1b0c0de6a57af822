"""A seeded part of what `make fuzz` runs; and that it can fail."""

from pathlib import Path
from random import Random

import pytest

from tests.fuzz import running
from tests.fuzz.running import run
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_generated_input_is_read_or_refused_in_one_line(name: str, home: Path) -> None:
    found = run(name, 40 if name in ("command lines", "record and lock files") else 120)
    assert found.failures == []
    assert found.refused > 0 or name == "command lines"


def test_a_failure_and_a_hang_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(random: Random, folder: Path) -> object:
        if random.random() < 0.5:
            raise KeyError("x")
        return folder

    def hangs(random: Random, folder: Path) -> object:
        while True:
            pass

    monkeypatch.setitem(TARGETS, "fails", fails)
    monkeypatch.setitem(TARGETS, "hangs", hangs)
    monkeypatch.setattr(running, "LONGEST_S", 1)
    found = run("fails", 20)
    assert 0 < len(found.failures) < 20
    assert found.failures == run("fails", 20).failures  # each from its number alone
    assert "TookTooLong" in run("hangs", 1).failures[0]
