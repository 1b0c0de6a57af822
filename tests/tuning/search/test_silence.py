"""A search in which nothing happens says why, ends, and can be gone on with."""

import json
import os
import pty
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml
from ray.tune.experiment import Trial

from tests.tuning.survival import (
    HOLDING,
    NAME,
    SPACE,
    TRIALS,
    begin,
    events,
    finish,
    is_far,
    nothing_is_lost,
    release_held_trials,
    resume,
)
from tuning.cluster.session import Resources
from tuning.record.client import mlflow_client
from tuning.search import silence
from tuning.search.silence import KNOWN_S, LAUNCH_S, TOLD_S, UNKNOWN_S, WatchSilence

RUNNING = SimpleNamespace(status=Trial.RUNNING)
PENDING = SimpleNamespace(status=Trial.PENDING)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def machine(folder: Path, **resources: float) -> dict[str, Any]:
    (folder / "sockets").mkdir(parents=True, exist_ok=True)
    socket = folder / "sockets" / "raylet"
    socket.touch()
    return {"RayletSocketName": str(socket), "Resources": resources}


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that the search sends to itself; its folder is there."""
    found: list[int] = []
    monkeypatch.setattr(silence, "is_driver_known", lambda study: True)
    monkeypatch.setattr(signal, "raise_signal", found.append)
    return found


@pytest.mark.parametrize(
    ("machines", "grows", "patience", "said"),
    [
        ("removed", False, KNOWN_S, "was removed"),
        ("small", False, KNOWN_S, "none of Ray's 1 machines has what a trial asks for (1 CPU)"),
        ("small", True, LAUNCH_S, "none was launched yet"),
        ("none", False, KNOWN_S, "Ray has no machine"),
        ("fitting", False, UNKNOWN_S, "Ray starts no process"),
    ],
)
def test_it_waits_for_as_long_as_there_is_hope(
    machines: str,
    grows: bool,
    patience: float,
    said: str,
    stopped: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    there = {
        "removed": [machine(tmp_path / "session", CPU=2)],
        "small": [machine(tmp_path / "session", CPU=0)],
        "none": [],
        "fitting": [machine(tmp_path / "session", CPU=2)],
    }[machines]
    if machines == "removed":
        shutil.rmtree(tmp_path / "session")
    launched = tmp_path / "bootstrap.yaml"
    if grows:
        launched.touch()
    monkeypatch.setattr(silence, "LAUNCHED_FROM", launched)
    monkeypatch.setattr(silence, "nodes", lambda: there)
    clock = Clock()
    watch = WatchSilence(Resources(1.0, 0.0, 1), NAME, clock=clock)
    clock.now = 5000.0  # a trial runs for long: that is no silence
    watch.on_step_begin(1, [RUNNING, PENDING])
    for seconds in (KNOWN_S - 1, min(TOLD_S, patience - 1), patience - 1):
        clock.now = 5000 + seconds
        watch.on_step_begin(2, [PENDING])
        assert not stopped
    for clock.now in (5000 + patience, 5000 + patience + 10):
        watch.on_step_begin(3, [PENDING])
    assert stopped == [signal.SIGUSR1]
    assert said in watch.reason
    if patience > TOLD_S:
        assert "the search ends in" in " ".join(capsys.readouterr().err.split())


def test_a_trial_that_starts_ends_the_silence(
    stopped: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "nodes", list)
    clock = Clock()
    watch = WatchSilence(Resources(1.0, 0.0, 1), NAME, clock=clock)
    for number in range(10):
        clock.now = number * (KNOWN_S - 1)
        watch.on_step_begin(number, [RUNNING if number % 2 else PENDING])
    assert not stopped


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.survives(
    "Ray's temporary folder is removed while a study runs",
    "the study says so within two minutes, ends, and `tune --resume` goes on",
)
def test_a_study_without_rays_folder_says_so_and_can_be_gone_on_with(
    measured_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "ray").mkdir()
    short = Path("/tmp") / f"mma-{os.getpid()}"
    short.symlink_to(tmp_path / "ray")
    try:
        os.environ["RAY_TMPDIR"] = str(short)
        with begin(measured_home, tmp_path) as process:
            (session,) = (one for one in short.glob("ray/session_2*") if one.is_dir())
            shutil.rmtree(session)
            stderr = finish(process, measured_home)[1]
    finally:
        del os.environ["RAY_TMPDIR"]
        short.unlink()
    assert process.returncode == 2, stderr
    assert "was removed" in stderr
    assert "Traceback" not in stderr
    nothing_is_lost(resume())


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "a process of Ray's on the machine that drives a study is killed",
    "the last line says so, and `tune --resume` goes on",
)
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("raylet", 2, "(raylet) on this machine died"),
        # Ray then ends the driver itself, after a minute or at once.
        ("gcs_server", 1, "was ended from without"),
        ("ray::DashboardAgent", 1, "was ended from without"),
    ],
)
def test_a_study_whose_ray_is_killed_says_so_and_can_be_gone_on_with(
    name: str, code: int, said: str, measured_home: Path, tmp_path: Path
) -> None:
    with begin(measured_home, tmp_path) as process:
        ray = psutil.Process(process.pid).children(recursive=True)
        (killed,) = (one for one in ray if name in (one.name(), " ".join(one.cmdline()).strip()))
        (raylet,) = (one for one in ray if one.name() == "raylet")
        killed.kill()
        psutil.wait_procs([raylet])  # which ends with any other; the trials wait until then
        stdout, stderr = finish(process, measured_home)
    assert process.returncode == code, stderr
    assert said in stdout + stderr
    assert "Traceback" not in stderr
    nothing_is_lost(resume())


@pytest.mark.ray
@pytest.mark.survives(
    "a study's folder is removed while it runs",
    "the study says so and ends; with a copy of the folder it could go on",
)
def test_a_study_whose_folder_is_removed_ends(measured_home: Path, tmp_path: Path) -> None:
    with begin(measured_home, tmp_path) as process:
        shutil.rmtree(measured_home / "studies" / NAME, ignore_errors=True)
        stdout, stderr = finish(process, measured_home)
    assert process.returncode == 2, stderr
    assert "was removed" in json.loads(stdout)["problem"]
    assert "Traceback" not in stderr
    (run,) = mlflow_client().search_runs(
        [mlflow_client().get_experiment_by_name(NAME).experiment_id], "tags.kind = 'study'"
    )
    assert run.info.status == "KILLED"


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.survives(
    "the terminal or the ssh connection is closed (SIGHUP)",
    "as Ctrl-C: the study ends in order, and `tune --resume` goes on",
)
def test_a_closed_terminal_ends_a_study_in_order(measured_home: Path, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE))
    process, terminal = pty.fork()
    if process == 0:
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under `nohup`
        space = ["--space", str(tmp_path / "space.yaml")]
        os.execv(
            HOLDING[0],
            [*HOLDING, "tune", "demo", *space, "--trials", str(TRIALS), "--name", NAME],
        )
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        os.set_blocking(terminal, False)
        while not is_far(measured_home):
            screen.read(1 << 16)
            assert os.waitpid(process, os.WNOHANG) == (0, 0)
            time.sleep(0.1)
    release_held_trials(measured_home)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    ended = [one for one in events(measured_home) if one["kind"] == "close"]
    assert ended[-1]["status"] == "KILLED"
    assert not (measured_home / "studies" / NAME / "driver.json").exists()
    nothing_is_lost(resume())
