"""`ray up cluster-local.yaml` on three hosts, and a study over them that loses one of them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.hosts import Host, Lab, clean_lab, left_behind, why_not
from tests.lab.image import HOME, USER
from tests.lab.studies import (
    RAY,
    answer,
    check,
    curves,
    events,
    far,
    fill_in,
    nothing_is_lost,
    run,
    started_study,
    they_went_on_from_their_checkpoints,
    trains_on,
    up,
    wait_for,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TRIALS = 4


@pytest.fixture
def machines() -> Iterator[Lab]:
    """A head and two workers, set up by nobody yet."""
    if reason := why_not():
        pytest.skip(reason)
    with clean_lab() as made:
        for number, name in enumerate(("head", "worker1", "worker2")):
            made.boot(name, f"{made.subnet}.{10 + number}")
        yield made


def filled_in(machines: Lab) -> Path:
    hosts = machines.hosts
    path = fill_in(
        "cluster-local.yaml",
        {
            "the address of the head, such as 192.168.1.10": hosts["head"].address,
            "the address of the first worker, such as 192.168.1.11": hosts["worker1"].address,
            "the address of the second worker, or take this line out": hosts["worker2"].address,
            "the name of the user": USER,
            "the shared folder, such as /shared/mmatune": "/mnt/shared/mmatune",
        },
        machines.folder / "copy",
    )
    # For ssh `~` is the home of the user's account, whatever HOME says.
    path.write_text(path.read_text().replace("~/.ssh/id_ed25519", str(machines.key)))
    return path


def home(head: Host) -> Path:
    """On its disk: SQLite would follow the link of `Host.path` to our own root."""
    return head.folder / HOME.relative_to("/") / "mmatune-home"


def alive(machines: Lab) -> int:
    """How many machines Ray has."""
    script = "import ray; ray.init('auto', logging_level=50);"
    script += " print('alive', sum(node['Alive'] for node in ray.nodes()))"
    said = machines.ssh(machines.hosts["head"], f'. ~/.bashrc; python -c "{script}"')
    found = re.search(r"^alive (\d+)$", said.stdout, re.M)
    return int(found[1]) if found else 0


@pytest.fixture
def cluster(machines: Lab) -> Path:
    """The cluster file of a cluster that is up."""
    path = filled_in(machines)
    check(machines, path)
    up(machines, path)
    wait_for("three machines", 120, lambda: alive(machines) == 3)
    return path


@pytest.fixture
def study(machines: Lab, cluster: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A study that is under way; each of three trials has saved a checkpoint."""
    head = machines.hosts["head"]
    with started_study(machines, head, cluster, TRIALS) as driver:

        def three_are_far() -> bool:
            assert driver.poll() is None, (machines.folder / "study.log").read_text()
            return len(far(home(head))) >= 3

        wait_for("checkpoints", 200, three_are_far)
        yield driver


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
    before = set(curves(home(head)))
    fault(machines, victim)
    assert study.wait(timeout=300) == 0, (machines.folder / "study.log").read_text()
    assert they_went_on_from_their_checkpoints(home(head)) <= before
    monkeypatch.setenv("MMATUNE_HOME", str(home(head)))
    nothing_is_lost(answer(head), TRIALS, machines.shared / "mmatune")
    if fault is lose_network:
        machines.mend(victim)
        wait_for("it to be back", 240, lambda: alive(machines) == 3)
    run(machines, cluster, RAY, "down", "-y", str(cluster))
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
    before = events(home(head))
    machines.power_off(head)
    study.wait(timeout=120)
    machines.power_on(head)
    up(machines, cluster)
    wait_for("three machines", 200, lambda: alive(machines) == 3)
    command = "mmatune tune demo --name lab --address auto --resume --json > ~/answer.json"
    run(machines, cluster, RAY, "exec", str(cluster), command, seconds=300)
    ended = {one["run"] for one in before if one["kind"] == "close" and one["status"] == "FINISHED"}
    after = events(home(head))[len(before) :]
    assert not {one["run"] for one in after if one["kind"] == "metrics"} & ended
    monkeypatch.setenv("MMATUNE_HOME", str(home(head)))
    nothing_is_lost(answer(head), TRIALS, machines.shared / "mmatune")


def nobody_outside_reaches(head: Host) -> None:
    """MLflow and Ray's dashboard answer on the head itself alone."""
    for port in (5000, 8265):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((head.address, port), timeout=5)


def test_a_broken_set_up_is_seen(machines: Lab) -> None:
    path = filled_in(machines)
    constraints = path.parent / "constraints.txt"
    text = constraints.read_text()
    pinned = next(line for line in text.splitlines() if line.startswith("ray=="))
    constraints.write_text(text.replace(pinned, "ray==2.9.0"))
    said = r"pip install(.|\n)*No matching distribution found for ray"
    with pytest.raises(AssertionError, match=said):
        up(machines, path)


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_a_lab_leaves_nothing_behind() -> None:
    with clean_lab() as made:
        host = made.boot("alone", f"{made.subnet}.10")
        assert made.ssh(host, "hostname").stdout.strip() == "alone"
        assert left_behind(made)
    assert os.path.ismount("/mnt") is False
