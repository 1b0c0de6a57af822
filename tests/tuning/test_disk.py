"""A disk that fills up or turns read-only: said in one line, and nothing is lost but time."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from model.errors import InputError
from tests.tuning.commands_run import run_mmatune
from tests.tuning.survival import begin, finish, nothing_is_lost, resume
from tuning.disk import refusal, refusals_named
from tuning.search.snapshot import keep_snapshot, put_back_snapshot


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = _mount("-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder))
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *arguments], capture_output=True, text=True)


def fill(disk: Path) -> Callable[[], None]:
    """Leave no byte free; what mends it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while shutil.disk_usage(disk).free:  # the study may have deleted something meanwhile
            with suppress(OSError):
                while True:
                    file.write(bytes(4096))
    return filler.unlink


def freeze(disk: Path) -> Callable[[], None]:
    """Make it read-only; what mends it."""
    while _mount("-o", "remount,ro", str(disk)).returncode:  # somebody writes at the moment
        time.sleep(0.01)

    def mend() -> None:
        assert _mount("-o", "remount,rw", str(disk)).returncode == 0

    return mend


FAULTS = [(fill, "No space left on device"), (freeze, "Read-only file system")]


@pytest.mark.ray
@pytest.mark.survives(
    "the storage of checkpoints is full or read-only",
    "the study ends and says so in one line; `tune --resume` goes on once that is mended",
)
@pytest.mark.parametrize(
    ("fault", "said"), [FAULTS[0], pytest.param(*FAULTS[1], marks=pytest.mark.slow)]
)
def test_the_storage_goes_in_the_middle_of_a_study(
    fault: Any, said: str, disk: Path, measured_home: Path, tmp_path: Path
) -> None:
    storage = disk / "storage"
    with begin(measured_home, tmp_path, "--storage", str(storage)) as process:
        mend = fault(disk)
        stdout, _ = finish(process, measured_home)
    assert process.returncode == 2
    error = json.loads(stdout)["error"]
    assert (error["message"], error["where"]) == (said, str(storage / "cut"))
    assert "mmatune tune demo --name cut --resume" in error["hint"]
    mend()
    nothing_is_lost(resume(), storage)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "the home's disk is full",
    "the study ends and says so in one line; `tune --resume` goes on, and tells MLflow and Optuna"
    " what they were not told",
)
def test_the_home_fills_in_the_middle_of_a_study(
    disk: Path, measured_baselines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the checkpoints, the record and both databases."""
    home = disk / "home"
    shutil.copytree(measured_baselines, home)
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    with begin(home, tmp_path) as process:
        mend = fill(disk)
        stdout, _ = finish(process, home)
    assert process.returncode == 2
    assert json.loads(stdout)["error"]["message"] in (FAULTS[0][1], "database or disk is full")
    mend()
    nothing_is_lost(resume())


@pytest.mark.heavy
def test_the_full_one_is_named(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray and its workers fail in the temporary folder with an error that names no file."""
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    fill(disk)
    for named, found in ((tmp_path / "home", disk), (disk / "home", disk / "home")):
        named.mkdir(exist_ok=True)
        with pytest.raises(InputError) as refused, refusals_named(str(named), "mend that"):
            raise OSError(errno.ENOSPC, "No space left on device")
        assert refused.value.where == str(found)


@pytest.mark.heavy
@pytest.mark.parametrize(("fault", "said"), FAULTS)
@pytest.mark.parametrize("what", ["home", "storage"])
def test_a_study_that_cannot_begin_says_why_in_one_line(
    what: str,
    fault: Any,
    said: str,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["tune", "demo", "--trials", "1"]
    if what == "home":
        (disk / "home").mkdir()
        monkeypatch.setenv("MMATUNE_HOME", str(disk / "home"))
    else:
        arguments += ["--storage", str(disk / "storage")]
    mend = fault(disk)
    code, out, err = run_mmatune(capsys, *arguments)
    mend()
    assert (code, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.startswith("error:")
    assert said in line
    assert str(disk) in line


def test_a_refusal_is_found_under_what_clearing_up_met() -> None:
    @refusals_named("there", "make room")
    def refused() -> None:
        try:
            raise RuntimeError("worker: OSError: [Errno 28] No space left on device")
        finally:
            broken()

    @refusals_named("there", "make room")
    def broken() -> None:
        raise KeyError("runs")

    with pytest.raises(InputError, match="there: No space left on device - make room"):
        refused()
    with pytest.raises(KeyError):
        broken()
    assert refusal("OSError: [Errno 2] No such file or directory") == ""


def test_half_a_snapshot_is_put_right(home: Path, tmp_path: Path) -> None:
    """As Ray Tune leaves it where the disk fills while it writes."""
    staged, storage = tmp_path / "staged", tmp_path / "storage"
    for folder in (staged, storage):
        folder.mkdir()
    (staged / "run_trial_1").mkdir()
    for content in ("first", "second"):
        (staged / "experiment_state-1.json").write_text(content)
        keep_snapshot("cut", staged)
    (storage / "experiment_state-1.json").write_text("sec")
    put_back_snapshot("cut", str(storage))
    assert (storage / "experiment_state-1.json").read_text() == "second"
    put_back_snapshot("another", str(storage / "nowhere"))
