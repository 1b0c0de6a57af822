"""What is done with a cluster in the lab: its file, a study on it, and what became of that."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.lab.hosts import Host, Lab
from tests.lab.image import HOME
from tests.tuning.survival import accounted_for_once
from tuning.record.client import mlflow_client

ROOT = Path(__file__).resolve().parents[2]
RAY = str(Path(sys.executable).parent / "ray")
RUNGS = (20, 60, 180, 540)  # epochs with a checkpoint
CHECKPOINTED = 200  # epochs: a trial that came so far saved one at 180
Curve = list[tuple[int, dict[str, float]]]  # steps and values


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


def run(machines: Lab, path: Path, *line: str, seconds: float = 240) -> str:
    """What a command prints that the user types in the folder of the cluster file."""
    done = subprocess.run(
        line,
        cwd=path.parent,
        env=machines.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, complaint(done.stdout)
    return done.stdout


def complaint(printed: str) -> str:
    """What the last command on a machine said, of all that Ray's launcher prints."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    _, found, last = text.rpartition("Running `")
    command, _, answer = last.partition("`\n") if found else ("", "", text)
    own = re.compile(r"VINFO|VERR|Traceback|^ |onnection to|^Warning: |click\.exc|!!!")
    lines = [line for line in answer.splitlines() if line.strip() and not own.search(line)]
    return "\n".join([*([f"`{command}` failed:"] if found else []), *lines[-30:]])


def check(machines: Lab, path: Path) -> None:
    """`mmatune cluster check` finds nothing."""
    line = ["env", f"PYTHONPATH={ROOT}", sys.executable]
    line += ["-c", "from tuning.cli import main; main()", "cluster", "check", str(path)]
    assert "ready for `ray up`" in run(machines, path, *line)


def up(machines: Lab, path: Path) -> None:
    run(machines, path, RAY, "up", "-y", "--no-config-cache", str(path))


def wait_for(what: str, seconds: float, condition: Any) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return found


@contextmanager
def started_study(
    machines: Lab, head: Host, path: Path, name: str, trials: int, *, epochs: int = 700
) -> Iterator[subprocess.Popen[bytes]]:
    """A study driven by `ray exec`; what it prints is in the lab's folder, see `said`."""
    space = {
        "description": "trials long enough to lose a machine in the middle",
        "schedule": {"report_every": 10, "first_rung": RUNGS[0], "reduction_factor": 3},
        "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": epochs},
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


def said(machines: Lab, name: str) -> str:
    """What the study has printed so far."""
    return (machines.folder / f"{name}.log").read_text()


def answer(head: Host, name: str) -> dict[str, Any]:
    """What `tune --json` said."""
    return json.loads(head.path(f"{HOME}/{name}.json").read_text())


def events(home: Path, name: str) -> list[dict[str, Any]]:
    """The record of the study under the home folder of mmatune."""
    path = home / "studies" / name / "record" / "events.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def curves(home: Path, name: str) -> dict[str, Curve]:
    """What each trial measured, in the order in which it was recorded."""
    found = events(home, name)
    trials: dict[str, Curve] = {
        one["run"]: [] for one in found if one["kind"] == "open" and one["params"]
    }
    for one in found:
        if one["kind"] == "metrics" and one["run"] in trials:
            trials[one["run"]].append((one["step"], one["values"]))
    return {run: curve for run, curve in trials.items() if curve}


def far(home: Path, name: str) -> set[str]:
    """The trials that have saved a checkpoint after the first rung."""
    return {run for run, curve in curves(home, name).items() if curve[-1][0] >= CHECKPOINTED}


def they_went_on_from_their_checkpoints(home: Path, name: str) -> set[str]:
    """The trials that moved; none of them trained anew what a checkpoint had."""
    again = {run: moved(curve) for run, curve in curves(home, name).items() if moved(curve)}
    assert again, "no trial moved"
    for starts in again.values():
        for step, share in starts:
            assert step > CHECKPOINTED
            # Nearer to what it trains anew from its last checkpoint than to all of it.
            last = max(rung for rung in RUNGS if rung < step)
            most = 1 - 0.5 * last / step
            assert share < most, f"at epoch {step} it had trained {share:.0%} of them anew"
    return set(again)


def moved(curve: Curve) -> list[tuple[int, float]]:
    """Where a trial began again: the step after it, and the share of its epochs trained anew.

    An epoch costs what it costs on the worker that it moved to: two may differ by much.
    """
    begins = [
        number
        for number, ((_, old), (_, new)) in enumerate(itertools.pairwise(curve), start=1)
        if new["seconds"] < old["seconds"]
    ]
    found = []
    for begin, end in itertools.pairwise([*begins, len(curve)]):
        (step, first), (last, latest) = curve[begin], curve[end - 1]
        assert last > step, "it moved again at once, or ended"
        epoch = (latest["device_seconds"] - first["device_seconds"]) / (last - step)
        found.append((step, first["device_seconds"] / epoch / step))
    return found


def trains_on(host: Host) -> bool:
    """Whether a trial's process runs there; every host has a process tree of its own."""
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
    return any(row[0] in family and "ImplicitFunc" in row[2] for row in rows if len(row) > 2)


def nothing_is_lost(document: dict[str, Any], name: str, trials: int, storage: Path) -> None:
    """Every trial is accounted for once, under this process's `MMATUNE_HOME`.

    Args:
        document: what the command answered that ended the study.
        storage: where the cluster keeps checkpoints, or a copy of it.
    """
    runs = accounted_for_once(name, trials, storage / name)
    assert {run.data.tags["status"] for run in runs} <= {"finished", "stopped early"}
    assert document["model"]["name"] == "demo"
    versions = mlflow_client().search_model_versions(f"run_id = '{document['run_id']}'")
    assert [version.version for version in versions] == [document["model"]["version"]]
