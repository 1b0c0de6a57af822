"""`ray up cluster-local.yaml` on three hosts, and studies over them that lose one of them."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.hosts import Host, Lab, clean_lab, left_behind, why_not
from tests.lab.image import HOME, USER
from tests.lab.studies import (
    RAY,
    answer,
    check,
    events,
    far,
    fill_in,
    give_baselines,
    line_up,
    moved,
    nothing_is_lost,
    run,
    said,
    started_study,
    steps,
    trial_processes,
    up,
    wait_for,
)

pytestmark = pytest.mark.cluster

TRIALS = 3  # one for each machine

# One cluster for all tests, in their order here: to set one up takes a minute. Each leaves it with
# all of its machines, but for the last one.


@pytest.fixture(scope="module")
def machines() -> Iterator[Lab]:
    """A head and two workers, set up by nobody yet."""
    if reason := why_not():
        pytest.skip(reason)
    with clean_lab() as made:
        for number, name in enumerate(("head", "worker1", "worker2")):
            made.boot(name, f"{made.subnet}.{10 + number}")
        yield made


@pytest.fixture(scope="module")
def filled_in(machines: Lab) -> Path:
    """The cluster file as the user of these machines has it."""
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


@pytest.fixture(scope="module")
def cluster(machines: Lab, filled_in: Path, measured_baselines: Path) -> Path:
    """The cluster file of a cluster that is up."""
    check(machines, filled_in)
    up(machines, filled_in)
    give_baselines(measured_baselines, home(machines.hosts["head"]))
    wait_until_alive(machines, 3)
    return filled_in


def home(head: Host) -> Path:
    """On its disk: SQLite would follow the link of `Host.path` to our own root."""
    return head.folder / HOME.relative_to("/") / "mmatune-home"


def wait_until_alive(machines: Lab, number: int) -> None:
    """Wait until Ray has so many machines; one process there looks, for its start takes seconds."""
    script = "import ray, time; ray.init('auto', logging_level=50)\n"
    script += f"while sum(node['Alive'] for node in ray.nodes()) != {number}: time.sleep(0.5)"
    look = f'. ~/.bashrc; python -c "{script}"'
    wait_for(lambda: machines.ssh(machines.hosts["head"], look).returncode == 0)


@contextmanager
def under_way(machines: Lab, cluster: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """A study of which each trial has saved a checkpoint."""
    head = machines.hosts["head"]
    with started_study(machines, head, cluster, name, TRIALS) as driver:

        def goes_on() -> None:
            assert driver.poll() is None, said(machines, name)

        def all_are_far() -> bool:
            goes_on()
            return len(far(home(head), name)) == TRIALS

        line_up(machines.hosts.values, TRIALS, goes_on)
        wait_for(all_are_far)
        yield driver


def all_went_on(machines: Lab, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assert that the study has ended, and that each trial of it is accounted for once."""
    head = machines.hosts["head"]
    monkeypatch.setenv("MMATUNE_HOME", str(home(head)))
    nothing_is_lost(answer(head, name), name, TRIALS, machines.shared / "mmatune")


def outlives(
    name: str,
    fault: Callable[[], None],
    machines: Lab,
    cluster: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A study goes on to its end after a fault of the first worker, with all of its trials."""
    head = machines.hosts["head"]
    with under_way(machines, cluster, name) as study:
        assert trial_processes(machines.hosts["worker1"])
        before = set(steps(home(head), name))
        fault()
        assert study.wait() == 0, said(machines, name)
    all_went_on(machines, name, monkeypatch)
    assert moved(machines.shared / "mmatune" / name) <= before


@pytest.mark.skipif(bool(why_not()), reason=str(why_not()))
def test_a_lab_leaves_nothing_behind() -> None:
    with clean_lab() as made:
        host = made.boot("alone", f"{made.subnet}.10")
        assert made.ssh(host, "hostname").stdout.strip() == "alone"
        assert left_behind(made)
    assert os.path.ismount("/mnt") is False


def test_a_broken_set_up_is_seen(machines: Lab, filled_in: Path) -> None:
    constraints = filled_in.parent / "constraints.txt"
    text = constraints.read_text()
    pinned = next(line for line in text.splitlines() if line.startswith("ray=="))
    constraints.write_text(text.replace(pinned, "ray==2.9.0"))
    why = r"pip install(.|\n)*No matching distribution found for ray"
    with pytest.raises(AssertionError, match=why):
        up(machines, filled_in)
    constraints.write_text(text)


def test_nobody_outside_reaches_its_services(machines: Lab, cluster: Path) -> None:
    """MLflow and Ray's dashboard answer on the head itself alone."""
    head = machines.hosts["head"]
    for port in (5000, 8265):
        assert machines.ssh(head, f"timeout 5 bash -c '</dev/tcp/127.0.0.1/{port}'").returncode == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((head.address, port), timeout=60)


@pytest.mark.slow
@pytest.mark.survives(
    "a worker's host is cut off the network",
    "its trials go on from their last checkpoints on other hosts; once the network is back, so is"
    " the host",
)
def test_a_study_outlives_the_network_of_a_worker(
    machines: Lab, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = machines.hosts["worker1"]
    outlives("network", lambda: machines.cut(victim), machines, cluster, monkeypatch)
    machines.mend(victim)
    wait_until_alive(machines, 3)


@pytest.mark.slow
@pytest.mark.survives(
    "the head loses its power, with the driver",
    "`ray up` starts it again, `tune --resume` goes on with what its disk and the shared folder"
    " hold",
)
def test_a_study_outlives_its_head(
    machines: Lab, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = machines.hosts["head"]
    with under_way(machines, cluster, "headless") as study:
        before = events(home(head), "headless")
        machines.power_off(head)
        study.wait()
    machines.power_on(head)
    up(machines, cluster)
    wait_until_alive(machines, 3)
    command = "mmatune tune demo --name headless --address auto --resume --json > ~/headless.json"
    run(machines, cluster, RAY, "exec", str(cluster), command)
    ended = {one["run"] for one in before if one["kind"] == "close" and one["status"] == "FINISHED"}
    after = events(home(head), "headless")[len(before) :]
    assert not {one["run"] for one in after if one["kind"] == "metrics"} & ended
    all_went_on(machines, "headless", monkeypatch)


@pytest.mark.survives(
    "a worker's host loses its power",
    "its trials go on from their last checkpoints on other hosts",
)
def test_a_study_outlives_the_power_of_a_worker(
    machines: Lab, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = machines.hosts["worker1"]
    outlives("power", lambda: machines.power_off(victim), machines, cluster, monkeypatch)


def test_ray_down_ends_ray(machines: Lab, cluster: Path) -> None:
    """Last, and with one machine lost."""
    head = machines.hosts["head"]
    run(machines, cluster, RAY, "down", "-y", str(cluster))
    assert "raylet" not in machines.ssh(head, "ps -A -o comm=").stdout
