"""`ray up cluster-local.yaml` on three hosts, and a study over them that loses one of them."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.hosts import Host, Lab, lab, left_behind, why_not
from tests.tuning.survival import accounted_for_once

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
RAY = str(Path(sys.executable).parent / "ray")
HOME = "/root/mmatune-home"
TRIALS = 4
CHECKPOINTED = 200  # epochs: a trial that came so far saved one at 180
SPACE = {
    "description": "trials long enough to lose a machine in the middle",
    "schedule": {"report_every": 10, "first_rung": 20, "reduction_factor": 3},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": 700},
    "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
    # Alike, so that ASHA stops none of them and each has a machine to lose.
    "start_with": [{"encoder.dropout": 0.1}] * TRIALS,
}


@pytest.fixture
def machines() -> Iterator[Lab]:
    """A head and two workers, set up by nobody yet."""
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
    try:
        with lab(folder) as made:
            for number, name in enumerate(("head", "worker1", "worker2")):
                made.boot(name, f"{made.subnet}.{10 + number}")
            yield made
        deadline = time.monotonic() + 30  # ssh keeps its connections for ten seconds
        while (left := left_behind(made)) and time.monotonic() < deadline:
            time.sleep(1)
        assert left == []
    finally:
        shutil.rmtree(folder)


def filled_in(machines: Lab) -> Path:
    """The shipped file with its FILL IN values, in a copy of what it mounts."""
    folder = machines.folder / "copy"
    folder.mkdir()
    text = (ROOT / "cluster-local.yaml").read_text()
    for mounted in yaml.safe_load(text)["file_mounts"].values():
        if not mounted.startswith("~"):
            copy = shutil.copytree if (ROOT / mounted).is_dir() else shutil.copy
            copy(ROOT / mounted, folder / mounted)
    hosts = machines.hosts
    for mark, value in (
        ("the address of the head, such as 192.168.1.10", hosts["head"].address),
        ("the address of the first worker, such as 192.168.1.11", hosts["worker1"].address),
        (
            "the address of the second worker, or take this line out",
            hosts["worker2"].address,
        ),
        ("the name of the user", "root"),
        ("the shared folder, such as /shared/mmatune", "/mnt/shared/mmatune"),
    ):
        assert text.count(f"FILL IN {mark}") == 1
        text = text.replace(f"FILL IN {mark}", value)
    # For ssh `~` is the home of the user's account, whatever HOME says.
    text = text.replace("~/.ssh/id_ed25519", str(machines.key))
    path = folder / "cluster-local.yaml"
    path.write_text(text)
    return path


def run(machines: Lab, *line: str, seconds: float = 150) -> subprocess.CompletedProcess[str]:
    """As the user, in the folder of the cluster file."""
    return subprocess.run(
        line,
        cwd=machines.folder / "copy",
        env=machines.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def up(machines: Lab, path: Path) -> subprocess.CompletedProcess[str]:
    return run(machines, RAY, "up", "-y", "--no-config-cache", str(path))


def wait_for(what: str, seconds: float, condition: Any) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return found


def alive(machines: Lab) -> int:
    """How many machines Ray has."""
    script = "import ray; ray.init('auto', logging_level=50);"
    script += " print('alive', sum(node['Alive'] for node in ray.nodes()))"
    said = machines.ssh(machines.hosts["head"], f'. ~/.bashrc; python -c "{script}"')
    found = re.search(r"^alive (\d+)$", said.stdout, re.M)
    return int(found[1]) if found else 0


def events(head: Host) -> list[dict[str, Any]]:
    path = head.path(f"{HOME}/studies/lab/record/events.jsonl")
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def curves(head: Host) -> dict[str, list[tuple[int, dict[str, float]]]]:
    """Steps and values of each trial in the order they were recorded."""
    found = events(head)
    trials = {one["run"]: [] for one in found if one["kind"] == "open" and one["params"]}
    for one in found:
        if one["kind"] == "metrics" and one["run"] in trials:
            trials[one["run"]].append((one["step"], one["values"]))
    return {run: curve for run, curve in trials.items() if curve}


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


def moved(curve: list[tuple[int, dict[str, float]]]) -> list[tuple[int, float]]:
    """Where a trial began again: the step after it, and the share of its epochs trained anew."""
    found = []
    for (before, old), (step, new) in itertools.pairwise(curve):
        if new["seconds"] < old["seconds"]:
            epoch = old["device_seconds"] / before
            found.append((step, new["device_seconds"] / epoch / step))
    return found


@pytest.fixture
def cluster(machines: Lab) -> Path:
    """The cluster file of a cluster that is up."""
    path = filled_in(machines)
    line = [sys.executable, "-c", "from tuning.cli import main; main()", "cluster", "check"]
    environment = {**machines.environment(), "PYTHONPATH": str(ROOT)}
    checked = subprocess.run(
        [*line, str(path)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert "ready for `ray up`" in checked.stderr, checked.stderr
    brought_up = up(machines, path)
    assert brought_up.returncode == 0, brought_up.stdout + brought_up.stderr
    wait_for("three machines", 120, lambda: alive(machines) == 3)
    return path


@pytest.fixture
def study(machines: Lab, cluster: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A study that is under way; each of three trials has saved a checkpoint."""
    (machines.shared / "space.yaml").write_text(yaml.safe_dump(SPACE))
    command = f"mmatune tune demo --space /mnt/shared/space.yaml --trials {TRIALS} --name lab"
    command += " --address auto --json > /mnt/shared/answer.json"
    with (machines.folder / "study.log").open("wb") as log:
        driver = subprocess.Popen(
            [RAY, "exec", str(cluster), command],
            cwd=cluster.parent,
            env=machines.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for("checkpoints", 200, lambda: three_are_far(machines.hosts["head"], driver))
            yield driver
        finally:
            driver.kill()
            driver.wait()


def lose_power(machines: Lab, host: Host) -> None:
    machines.power_off(host)


def lose_network(machines: Lab, host: Host) -> None:
    machines.cut(host)


@pytest.mark.survives(
    "a worker's host loses its power or its network",
    "its trials go on from their last checkpoints on other hosts; once the network is back, so is"
    " the host",
)
@pytest.mark.parametrize("fault", [lose_power, pytest.param(lose_network, marks=pytest.mark.slow)])
def test_a_study_outlives_one_of_its_machines(
    fault: Callable[[Lab, Host], None],
    machines: Lab,
    cluster: Path,
    study: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head, victim = machines.hosts["head"], machines.hosts["worker1"]
    nobody_outside_reaches(head)
    assert trains_on(victim)
    far = set(curves(head))
    fault(machines, victim)
    assert study.wait(timeout=300) == 0, (machines.folder / "study.log").read_text()
    again = {run: moved(curve) for run, curve in curves(head).items() if moved(curve)}
    assert again, "no trial moved"
    for run_id, starts in again.items():
        assert run_id in far
        for step, share in starts:
            assert step > CHECKPOINTED
            assert share < 0.6, f"at epoch {step} it had trained {share:.0%} of them anew"
    monkeypatch.setenv("MMATUNE_HOME", str(head.path(HOME)))
    nothing_is_lost(machines)
    if fault is lose_network:
        machines.mend(victim)
        wait_for("it to be back", 240, lambda: alive(machines) == 3)
    down = run(machines, RAY, "down", "-y", str(cluster))
    assert down.returncode == 0, down.stdout + down.stderr
    assert "raylet" not in machines.ssh(head, "ps -A -o comm=").stdout


@pytest.mark.slow
@pytest.mark.survives(
    "the head loses its power, with the driver",
    "`ray up` starts it again, `tune --resume` goes on with what its disk and the shared folder"
    " hold",
)
def test_a_study_outlives_its_head(
    machines: Lab,
    cluster: Path,
    study: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The driver dies with it; `ray up` and `--resume` go on from what was on its disk."""
    head = machines.hosts["head"]
    before = events(head)
    machines.power_off(head)
    study.wait(timeout=120)
    machines.power_on(head)
    again = up(machines, cluster)
    assert again.returncode == 0, again.stdout + again.stderr
    wait_for("three machines", 200, lambda: alive(machines) == 3)
    command = "mmatune tune demo --name lab --address auto --resume --json"
    command += " > /mnt/shared/answer.json"
    resumed = run(machines, RAY, "exec", str(cluster), command, seconds=300)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    ended = {one["run"] for one in before if one["kind"] == "close" and one["status"] == "FINISHED"}
    after = events(head)[len(before) :]
    assert not {one["run"] for one in after if one["kind"] == "metrics"} & ended
    monkeypatch.setenv("MMATUNE_HOME", str(head.path(HOME)))
    nothing_is_lost(machines)


def three_are_far(head: Host, driver: subprocess.Popen[bytes]) -> set[str]:
    assert driver.poll() is None, "the study ended too early"
    found = {run: curve[-1][0] for run, curve in curves(head).items()}
    far = {run for run, step in found.items() if step >= CHECKPOINTED}
    return set(found) if len(far) >= 3 else set()


def nobody_outside_reaches(head: Host) -> None:
    """MLflow and Ray's dashboard answer on the head itself alone."""
    for port in (5000, 8265):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((head.address, port), timeout=5)


def nothing_is_lost(machines: Lab) -> None:
    answer = json.loads((machines.shared / "answer.json").read_text())
    runs = accounted_for_once("lab", TRIALS, machines.shared / "mmatune" / "lab")
    assert {one.data.tags["status"] for one in runs} <= {"finished", "stopped early"}
    assert answer["model"]["version"] == 1


def test_a_broken_set_up_is_seen(machines: Lab) -> None:
    path = filled_in(machines)
    constraints = path.parent / "constraints.txt"
    text = constraints.read_text()
    pinned = next(line for line in text.splitlines() if line.startswith("ray=="))
    constraints.write_text(text.replace(pinned, "ray==2.9.0"))
    failed = up(machines, path)
    assert failed.returncode != 0
    assert "ray" in failed.stdout + failed.stderr


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_a_lab_leaves_nothing_behind() -> None:
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
    try:
        with lab(folder) as made:
            host = made.boot("alone", f"{made.subnet}.10")
            assert made.ssh(host, "hostname").stdout.strip() == "alone"
            assert left_behind(made)
        assert left_behind(made) == []
    finally:
        shutil.rmtree(folder)
    assert os.path.ismount("/mnt") is False
