"""Helpers for a cluster in the lab: its file, a study on it, and checks of the outcome."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from ray.tune import ExperimentAnalysis

from tests.lab.hosts import Host, Lab
from tests.lab.image import HOME, UID
from tests.tuning.survival import accounted_for_once
from tuning.record.client import mlflow_client
from tuning.search.resumption import RAY_TRIAL

ROOT = Path(__file__).resolve().parents[2]
RAY = str(Path(sys.executable).parent / "ray")
REPORT_EVERY = 10  # epochs
RUNGS = (20, 60, 180)  # epochs with a checkpoint, beside the last
CHECKPOINTED = 190  # epochs: a trial that came so far saved one at 180
EPOCHS = 450  # so many that a trial trains still when something is done to its machine


def fill_in(name: str, values: dict[str, str], folder: Path) -> Path:
    """A shipped cluster file with its FILL IN values, beside copies of what it mounts.

    Args:
        values: by the words after FILL IN; each is there once.
    """
    text = (ROOT / name).read_text()
    for mark, value in values.items():
        assert text.count(f"FILL IN {mark}") == 1
        text = text.replace(f"FILL IN {mark}", value)
    assert "FILL IN" not in str(yaml.safe_load(text))
    folder.mkdir()
    for mounted in yaml.safe_load(text)["file_mounts"].values():
        if not mounted.startswith("~"):
            copy = shutil.copytree if (ROOT / mounted).is_dir() else shutil.copy
            copy(ROOT / mounted, folder / mounted)
    path = folder / name
    path.write_text(text)
    return path


def run(machines: Lab, path: Path, *line: str) -> str:
    """Run a command in the folder of the cluster file; returns what it prints."""
    done = subprocess.run(
        line,
        cwd=path.parent,
        env=machines.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, complaint(done.stdout)
    return done.stdout


def complaint(printed: str) -> str:
    """The failed command on a machine and its output, out of all that Ray's launcher prints."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    _, found, last = text.rpartition("Running `")
    command, _, answer = last.partition("`\n") if found else ("", "", text)
    own = re.compile(r"VINFO|VERR|Traceback|^ |onnection to|^Warning: |click\.exc|!!!")
    lines = [line for line in answer.splitlines() if line.strip() and not own.search(line)]
    return "\n".join([*([f"`{command}` failed:"] if found else []), *lines[-30:]])


def check(machines: Lab, path: Path) -> None:
    """Assert that `mmatune cluster check` finds no mistake."""
    line = ["env", f"PYTHONPATH={ROOT}", sys.executable]
    line += ["-c", "from tuning.cli import main; main()", "cluster", "check", str(path)]
    assert "ready for `ray up`" in run(machines, path, *line)


def up(machines: Lab, path: Path) -> None:
    run(machines, path, RAY, "up", "-y", "--no-config-cache", str(path))


def give_baselines(measured: Path, home: Path) -> None:
    """Put what this machine has measured of the baselines into a head's home; it has our code too.

    Args:
        measured: a folder as the fixture `measured_baselines` gives it.
        home: of mmatune, on the head; made if it is not there.
    """
    home.mkdir(exist_ok=True)
    shutil.copytree(measured / "baselines", home / "baselines")
    for path in (home, home / "baselines", *(home / "baselines").iterdir()):
        os.chown(path, UID, UID)


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until it is true; returns its value. Only pytest-timeout ends the wait."""
    while not (found := condition()):
        time.sleep(0.2)
    return found


@contextmanager
def started_study(
    machines: Lab, head: Host, path: Path, name: str, trials: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a study with `ray exec`; its output goes to a file, see `said`."""
    space = {
        "description": "trials long enough to lose a machine in the middle",
        "schedule": {"report_every": REPORT_EVERY, "first_rung": RUNGS[0], "reduction_factor": 3},
        "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": EPOCHS},
        "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
        # Alike, so that ASHA stops none of them and each has a machine to lose.
        "start_with": [{"encoder.dropout": 0.1}] * trials,
    }
    head.path(f"{HOME}/space.yaml").write_text(yaml.safe_dump(space))
    command = f"mmatune tune demo --space ~/space.yaml --trials {trials} --name {name}"
    command += f" --address auto --json > ~/{name}.json"
    with (machines.folder / f"{name}.log").open("wb") as log:
        driver = subprocess.Popen(
            [RAY, "exec", str(path), command],
            cwd=path.parent,
            env=machines.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield driver
        finally:
            driver.kill()
            driver.wait()


def line_up(hosts: Callable[[], Iterable[Host]], number: int, goes_on: Callable[[], None]) -> None:
    """Let the trials of so many machines begin together: one that has a process waits.

    Args:
        hosts: the machines that there are by now.
        goes_on: raises if the study has ended.
    """
    with ExitStack() as waits:
        waiting: set[str] = set()
        while len(waiting) < number:
            goes_on()
            for host in hosts():
                if host.name not in waiting and (found := trial_processes(host)):
                    waits.enter_context(stopped(found))
                    waiting.add(host.name)
            time.sleep(0.1)


def said(machines: Lab, name: str) -> str:
    """The study's output so far, and the tracebacks that its machine keeps."""
    kept = sorted(machines.folder.rglob("mmatune-home/errors/*.txt"))
    return "\n".join(one.read_text() for one in (machines.folder / f"{name}.log", *kept))


def answer(head: Host, name: str) -> dict[str, Any]:
    """The document that `tune --json` printed."""
    return json.loads(head.path(f"{HOME}/{name}.json").read_text())


def events(home: Path, name: str) -> list[dict[str, Any]]:
    """The record of the study under the home folder of mmatune."""
    path = home / "studies" / name / "record" / "events.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def steps(home: Path, name: str) -> dict[str, int]:
    """The epoch that each trial was last measured at, by Ray's id of the trial."""
    found = events(home, name)
    trials = {
        one["run"]: one["tags"][RAY_TRIAL]
        for one in found
        if one["kind"] == "open" and RAY_TRIAL in one["tags"]
    }
    return {
        trials[one["run"]]: one["step"]
        for one in found
        if one["kind"] == "metrics" and one["run"] in trials
    }


def far(home: Path, name: str) -> set[str]:
    """The trials that have saved a checkpoint after the first rung."""
    return {run for run, step in steps(home, name).items() if step >= CHECKPOINTED}


def moved(storage: Path) -> set[str]:
    """Ray's ids of the trials that a fault stopped; each must have gone on from a checkpoint.

    Ray counts the reports of a trial since it last began, so what it trained anew is known exactly,
    however busy the machine was.

    Args:
        storage: the study's folder in its storage.
    """
    found = {}
    for trial in ExperimentAnalysis(str(storage / "ray")).trials:
        trained = trial.last_result["iterations_since_restore"] * REPORT_EVERY
        if trial.run_metadata.num_failures:
            found[trial.trial_id] = trial.last_result["epoch"] - trained
    assert found, "no trial moved"
    assert set(found.values()) <= {rung for rung in RUNGS if rung > RUNGS[1]}, found
    return set(found)


def trial_processes(host: Host) -> list[int]:
    """Ids of the trials' processes on the host, that is, of those below its first process."""
    assert host.process is not None
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(maxsplit=2) for line in table.splitlines()]
    family = {str(host.process.pid)}
    grown = True
    while grown:
        more = {row[0] for row in rows if row[1] in family} - family
        family |= more
        grown = bool(more)
    return [
        int(row[0])
        for row in rows
        if len(row) > 2 and row[0] in family and "ImplicitFunc" in row[2]
    ]


@contextmanager
def stopped(processes: Sequence[int]) -> Iterator[None]:
    """The processes do nothing in here, so that what is waited for comes before they end."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def nothing_is_lost(document: dict[str, Any], name: str, trials: int, storage: Path) -> None:
    """Every trial is accounted for once, under this process's `MMATUNE_HOME`.

    Args:
        document: what the command answered that ended the study.
        storage: where the cluster keeps checkpoints, or a copy of it.
    """
    runs = accounted_for_once(name, trials, storage / name)
    bad = [run for run in runs if run.data.tags["status"] not in ("finished", "stopped early")]
    assert not bad, [run.data.tags for run in bad]  # with the reason of each
    assert document["model"]["name"] == "demo"
    versions = mlflow_client().search_model_versions(f"run_id = '{document['run_id']}'")
    assert [version.version for version in versions] == [document["model"]["version"]]
