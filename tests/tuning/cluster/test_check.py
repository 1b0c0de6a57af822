"""`mmatune cluster check`: nothing to say of the shipped files, and every planted mistake named."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from model.errors import InputError
from tests.tuning.commands_run import COMMAND
from tuning.cluster.check.rules import check_cluster_file

ROOT = Path(__file__).resolve().parents[3]
AWS, OWN = "cluster.yaml", "cluster-local.yaml"
Cluster = dict[str, Any]


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a token and a key."""
    folder = tmp_path / "user"
    for name in (".ray/auth_token", ".ssh/id_ed25519"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("x")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Cluster], Path]:
    """Write a cluster file beside what it mounts."""

    def written(cluster: Cluster) -> Path:
        for source in ROOT.iterdir():
            if not (tmp_path / source.name).exists():
                (tmp_path / source.name).symlink_to(source)
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(cluster))
        return path

    return written


def shipped(name: str) -> Cluster:
    return yaml.safe_load((ROOT / name).read_text())


@pytest.mark.parametrize("name", [AWS, OWN])
def test_the_shipped_files_have_no_mistake_and_say_what_to_fill_in(name: str) -> None:
    found = check_cluster_file(ROOT / name)
    assert found.mistakes == []
    assert not found.ready
    assert all("FILL IN" in one.message for one in found.to_do)
    assert len(found.to_do) == {AWS: 3, OWN: 5}[name]


def test_without_the_token_it_is_said_how_to_make_it(user: Path) -> None:
    (user / ".ray" / "auth_token").unlink()
    (found,) = [one for one in check_cluster_file(ROOT / AWS).to_do if "FILL" not in one.message]
    assert found.hint == "ray get-auth-token --generate"


def forget(*path: str) -> Callable[[Cluster], None]:
    def plant(cluster: Cluster) -> None:
        *folders, last = path
        for folder in folders:
            cluster = cluster[folder]
        del cluster[last]

    return plant


def put(value: Any, *path: str) -> Callable[[Cluster], None]:
    def plant(cluster: Cluster) -> None:
        *folders, last = path
        for folder in folders:
            cluster = cluster.setdefault(folder, {})
        cluster[last] = value

    return plant


def rewrite(old: str, new: str) -> Callable[[Cluster], None]:
    """In every command."""

    def plant(cluster: Cluster) -> None:
        count = 0
        for key in [key for key in cluster if key.endswith("_commands")]:
            count += sum(old in line for line in cluster[key])
            cluster[key] = [line.replace(old, new) for line in cluster[key]]
        assert count, f"no command has {old!r}"

    return plant


def both(*plants: Callable[[Cluster], None]) -> Callable[[Cluster], None]:
    def plant(cluster: Cluster) -> None:
        for one in plants:
            one(cluster)

    return plant


def spot(value: Any, *path: str) -> Callable[[Cluster], None]:
    return put(value, "available_node_types", "gpu_spot", *path)


def on_demand(value: Any, *path: str) -> Callable[[Cluster], None]:
    return put(value, "available_node_types", "gpu_on_demand", *path)


OPEN_PORT = {
    "FromPort": 8265,
    "ToPort": 8265,
    "IpProtocol": "tcp",
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
}
FILLED_IN = both(
    put("10.0.0.1", "provider", "head_ip"), put(["10.0.0.2"], "provider", "worker_ips")
)
# The mistake, where it is found, and what is said of it.
MISTAKES: dict[str, tuple[str, Callable[[Cluster], None], str, str]] = {
    "no name": (AWS, forget("cluster_name"), "cluster_name", "is missing"),
    "no user": (AWS, forget("auth", "ssh_user"), "auth.ssh_user", "is missing"),
    "unknown key": (AWS, put(4, "max_worker"), "", "max_worker"),
    "wrong type": (AWS, put("ten", "max_workers"), "", "ten"),
    "min above max": (AWS, spot(11, "min_workers"), "", "min_workers|max_workers"),
    "head type": (AWS, put("haed", "head_node_type"), "", "head_node_type|haed"),
    "other provider": (AWS, put("gcp", "provider", "type"), "", "gcp|aws|project_id"),
    "no region": (AWS, forget("provider", "region"), "provider.region", "is missing"),
    "bad region": (AWS, put("us-west2", "provider", "region"), "provider.region", "is no region"),
    "zone elsewhere": (
        AWS,
        put("us-east-1a", "provider", "availability_zone"),
        "provider.availability_zone",
        "us-east-1a is not in us-west-2",
    ),
    "region of the commands": (
        AWS,
        rewrite("AWS_DEFAULT_REGION=us-west-2", "AWS_DEFAULT_REGION=us-east-1"),
        "initialization_commands",
        "AWS_DEFAULT_REGION is us-east-1, provider.region us-west-2",
    ),
    "studies that go with the head": (
        AWS,
        rewrite("MMATUNE_HOME=/mnt/mmatune", "MMATUNE_HOME=/mnt/elsewhere"),
        "head_setup_commands",
        "no volume is mounted at /mnt/elsewhere",
    ),
    "misspelt provider key": (
        AWS,
        put(True, "provider", "cache_stoped_nodes"),
        "provider.cache_stoped_nodes",
        "did you mean cache_stopped_nodes",
    ),
    "misspelt node key": (
        AWS,
        spot("g6.xlarge", "node_config", "InstanceTyp"),
        "available_node_types.gpu_spot.node_config.InstanceTyp",
        "did you mean InstanceType",
    ),
    "no GPU where one is promised": (
        AWS,
        both(spot("m7i.xlarge", "node_config", "InstanceType"), spot({"GPU": 1}, "resources")),
        "available_node_types.gpu_spot.resources.GPU",
        "m7i.xlarge has no GPU",
    ),
    "no GPU at all": (
        AWS,
        both(
            spot("m7i.xlarge", "node_config", "InstanceType"),
            on_demand("m7i.xlarge", "node_config", "InstanceType"),
        ),
        "available_node_types",
        "no worker has a GPU",
    ),
    "no image": (
        AWS,
        forget("available_node_types", "gpu_spot", "node_config", "ImageId"),
        "available_node_types.gpu_spot.node_config.ImageId",
        "is missing",
    ),
    "same priority": (AWS, on_demand(10, "priority"), "available_node_types", "same priority"),
    "never idle": (AWS, forget("idle_timeout_minutes"), "idle_timeout_minutes", "cost money"),
    "open port": (
        AWS,
        put([OPEN_PORT], "provider", "security_group", "IpPermissions"),
        "provider.security_group",
        "opens port 8265 to 8265 to the world",
    ),
    "example value": (
        AWS,
        spot("ami-0123456789abcdef0", "node_config", "ImageId"),
        "available_node_types.gpu_spot.node_config.ImageId",
        "looks like a value to fill in",
    ),
    "secret": (
        AWS,
        rewrite("MMATUNE_HOME=", "AWS_SECRET_ACCESS_KEY=abc MMATUNE_HOME="),
        "initialization_commands",
        "holds a secret",
    ),
    "password in an address": (
        OWN,
        rewrite("MMATUNE_HOME=", "MLFLOW_TRACKING_URI=https://me:pw@host MMATUNE_HOME="),
        "initialization_commands",
        "holds a secret",
    ),
    "mount without a source": (
        AWS,
        put("modle", "file_mounts", "~/mmatune/model"),
        "file_mounts.~/mmatune/model",
        "there is no modle",
    ),
    "no token": (
        AWS,
        forget("file_mounts", "~/.ray/auth_token"),
        "file_mounts.~/.ray/auth_token",
        "anybody in the network may run code",
    ),
    "folder of one machine as storage": (
        AWS,
        rewrite("s3://FILL IN the name of your bucket/mmatune", "/home/ubuntu/results"),
        "initialization_commands",
        "is not shared",
    ),
    "no storage": (AWS, rewrite("MMATUNE_STORAGE", "STORAGE"), "", "sets MMATUNE_STORAGE"),
    "open dashboard": (
        OWN,
        rewrite("--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0"),
        "head_start_ray_commands",
        r"0\.0\.0\.0, open to others",
    ),
    "no MLflow server": (
        AWS,
        rewrite("bash ~/mmatune/mlflow/start.sh 5000", "true"),
        "head_start_ray_commands",
        "MLflow server is not started",
    ),
    "two servers at a port": (
        OWN,
        rewrite("start.sh 5000", "start.sh 8265"),
        "head_start_ray_commands",
        "two servers are to listen at port 8265",
    ),
    "ports that differ": (
        OWN,
        rewrite("--port=6379", "--port=6380"),
        "worker_start_ray_commands",
        "port 6379, the head listens at 6380",
    ),
    "another version": (
        OWN,
        rewrite("'.[cluster]'", "'.[cluster]' ray==2.9"),
        "setup_commands",
        "ray 2.9, constraints.txt has",
    ),
    "any version": (
        AWS,
        rewrite("PIP_CONSTRAINT=constraints.txt", ""),
        "setup_commands",
        "does not install the versions",
    ),
    "jobs without a token": (AWS, rewrite("RAY_AUTH_MODE=token", ""), "setup", "RAY_AUTH_MODE"),
    "head that manages nobody": (
        AWS,
        rewrite("--autoscaling-config=~/ray_bootstrap_config.yaml", ""),
        "head_start_ray_commands",
        "does not manage workers",
    ),
    "no worker": (OWN, put([], "provider", "worker_ips"), "provider.worker_ips", "no worker"),
    "worker twice": (
        OWN,
        both(FILLED_IN, put(["10.0.0.2"] * 2, "provider", "worker_ips")),
        "provider.worker_ips",
        "10.0.0.2 is there 2 times",
    ),
    "head as worker": (
        OWN,
        both(FILLED_IN, put(["10.0.0.1"], "provider", "worker_ips")),
        "provider.worker_ips",
        "10.0.0.1 is the head",
    ),
    "no address": (
        OWN,
        both(FILLED_IN, put("my head", "provider", "head_ip")),
        "provider.head_ip",
        "neither an address nor a name",
    ),
    "no key": (
        OWN,
        both(FILLED_IN, put("~/.ssh/id_none", "auth", "ssh_private_key")),
        "auth.ssh_private_key",
        "there is no file",
    ),
    "relative storage": (
        OWN,
        rewrite("FILL IN the shared folder, such as /shared/mmatune", "results"),
        "initialization_commands",
        "neither an absolute folder nor s3",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_named(mistake: str, write: Callable[[Cluster], Path]) -> None:
    name, plant, where, said = MISTAKES[mistake]
    cluster = shipped(name)
    plant(cluster)
    found = check_cluster_file(write(cluster)).mistakes
    print(found)
    assert [
        one
        for one in found
        if one.where.startswith(where) and re.search(said, f"{one.message} {one.hint}")
    ]


@pytest.mark.heavy
def test_machines_that_do_not_answer_are_named(write: Callable[[Cluster], Path]) -> None:
    cluster = shipped(OWN)
    put("127.0.0.1", "provider", "head_ip")(cluster)
    put(["127.0.0.2"], "provider", "worker_ips")(cluster)
    put("nobody-of-that-name", "auth", "ssh_user")(cluster)
    rewrite("FILL IN the shared folder, such as /shared/mmatune", "/shared/mmatune")(cluster)
    found = check_cluster_file(write(cluster)).mistakes
    assert [one.message.split(":")[0] for one in found] == ["127.0.0.1", "127.0.0.2"]


@pytest.mark.parametrize("text", ["a: [", "- a list", "cluster_name: nothing else"])
def test_what_is_no_cluster_file_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(InputError, match=r"wrong\.yaml"):
        check_cluster_file(tmp_path / "wrong.yaml")


@pytest.mark.heavy
@pytest.mark.parametrize("mistake", [None, "no region"])
def test_the_command_prints_one_document_and_its_exit_code_says_it(
    mistake: str | None, write: Callable[[Cluster], Path]
) -> None:
    cluster = shipped(AWS)
    if mistake:
        MISTAKES[mistake][1](cluster)
    line = [*COMMAND, "cluster", "check"]
    done = subprocess.run(
        [*line, str(write(cluster)), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    # The shipped file has things to fill in.
    assert done.returncode == (2 if mistake else 1), done.stderr
    document = json.loads(done.stdout)
    assert bool(document["mistakes"]) == bool(mistake)
    assert ("provider.region: is missing" in done.stderr) == bool(mistake)
