"""`ray up cluster.yaml` on AWS as moto plays it, and a study on spot machines that AWS takes back.

The machines are hosts of a lab (`tests.lab.aws`); their GPUs are pretended, so trials run on their
CPUs while Ray gives each a GPU. The file is the shipped one. Filled in are its three marked values:
the image, the bucket and the volume. One value is changed: `idle_timeout_minutes`, 0.4 instead of
10. Credentials are nowhere in it: the user's are in the environment, the machines' come from their
role by the metadata service.

What stands in for AWS, beside moto: `AWS_ENDPOINT_URL` in the environment of the user and of every
ssh session; apt, which is the real one but knows only python3-venv and that it is installed; pip,
which is the real one but offline, with the pinned packages in the image's `~/venv`; and the disk,
which is a loop device. sudo, mkfs, mount and the metadata service's tokens are as on EC2. Not seen
here: whether the role's rights are enough, the drivers and the GPUs, and AWS's own limits.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.hosts import Host, clean_lab, why_not
from tests.lab.image import which
from tests.lab.studies import (
    RAY,
    ROOT,
    answer,
    check,
    far,
    fill_in,
    give_baselines,
    line_up,
    moved,
    nothing_is_lost,
    run,
    said,
    started_study,
    stopped,
    trial_processes,
    up,
    wait_for,
)

pytest.importorskip("moto.server", reason="moto plays AWS")

from tests.lab.aws import BUCKET, Account, account

TRIALS = 2
IDLE_MINUTES = 0.4


def without_aws() -> str | None:
    missing = [tool for tool in ("sudo", "apt-get", "losetup", "mkfs.ext4") if not which(tool)]
    return why_not() or (f"no {', '.join(missing)}" if missing else None)


def patched(folder: Path, image: str, volume: str) -> Path:
    path = fill_in(
        "cluster.yaml",
        {
            "the image id, such as ami-0123456789abcdef0": image,
            "the name of your bucket": BUCKET,
            "the volume id, such as vol-0123456789abcdef0": volume,
        },
        folder,
    )
    text = path.read_text()
    assert text.count("idle_timeout_minutes: 10\n") == 1
    path.write_text(text.replace("_minutes: 10\n", f"_minutes: {IDLE_MINUTES}\n"))
    return path


def leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Every value of a document by its place."""
    if isinstance(node, dict | list):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        return {k: v for key, one in pairs for k, v in leaves(one, f"{path}/{key}").items()}
    return {path: node}


def test_nothing_else_is_patched(tmp_path: Path) -> None:
    shipped = leaves(yaml.safe_load((ROOT / "cluster.yaml").read_text()))
    used = leaves(yaml.safe_load(patched(tmp_path / "copy", "ami-1", "vol-1").read_text()))
    assert used.keys() == shipped.keys()
    differ = {where for where in used if used[where] != shipped[where]}
    images = {f"/available_node_types/{name}" for name in ("head", "gpu_spot", "gpu_on_demand")}
    assert differ == {
        *(f"{name}/node_config/ImageId" for name in images),
        "/idle_timeout_minutes",
        "/initialization_commands/2",
        "/head_setup_commands/0",
    }
    for where in ("/initialization_commands/2", "/head_setup_commands/0"):
        start, _, end = shipped[where].partition("FILL IN")
        assert used[where].startswith(start)
        assert used[where].endswith(end.partition("/mmatune" if "MMATUNE" in start else '"')[2])


@pytest.fixture
def aws() -> Iterator[Account]:
    if reason := without_aws():
        pytest.skip(reason)
    with clean_lab() as lab, account(lab) as made:
        yield made


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.survives(
    "AWS takes a spot machine back",
    "another one is launched, and the trial goes on there from its last checkpoint",
)
def test_a_study_outlives_a_spot_machine(
    aws: Account, measured_baselines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = aws.lab
    path = patched(lab.folder / "copy", aws.image, aws.volume)
    check(lab, path)
    began = time.monotonic()

    def lap(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}")

    up(lab, path)
    (running,) = aws.instances("running")
    lap("head is up")
    head = lab.hosts[running["InstanceId"]]
    only_ssh_is_open(aws, running["PublicIpAddress"])
    home = head.path("/mnt/mmatune")
    give_baselines(measured_baselines, home)
    with (
        ExitStack() as waits,
        started_study(lab, head, path, "spot", TRIALS) as study,
    ):

        def goes_on() -> None:
            assert study.poll() is None, said(lab, "spot")

        def workers() -> list[Host]:
            found = [lab.hosts[one] for one in spot(aws, "running") if one in lab.hosts]
            return [host for host in found if host.runs]

        def all_are_far() -> set[str]:
            goes_on()
            found = far(home, "spot")
            return found if len(found) == TRIALS else set()

        def another_is_launched() -> bool:
            goes_on()
            return len(spot(aws)) == TRIALS + 1

        line_up(workers, TRIALS, goes_on)
        before = wait_for(all_are_far)
        # A trial that ended first would leave its machine to the one that is lost.
        for host in workers():
            waits.enter_context(stopped(trial_processes(host)))
        lap("the trials have checkpoints")
        aws.client("ec2").terminate_instances(InstanceIds=[workers()[0].name])
        wait_for(another_is_launched)
        waits.close()
        lap("another machine is there")
        assert study.wait() == 0, said(lab, "spot")
        lap("the study has ended")
    answered = answer(head, "spot")
    ever = {one["InstanceId"] for one in aws.instances()} - {head.name}
    assert ever == set(spot(aws))
    assert len(ever) == TRIALS + 1, "one for each trial, and one for the one that was lost"
    kept = aws.copy_of_the_bucket() / "mmatune"
    assert list(kept.glob("spot/ray/*/checkpoint_*"))
    wait_for(lambda: len(aws.instances("pending", "running")) == 1)
    lap("idle machines are gone")
    run(lab, path, RAY, "down", "-y", str(path))
    assert {one["State"]["Name"] for one in aws.instances()} == {"terminated"}
    wait_for(lambda: not any(host.runs for host in lab.hosts.values()))
    lap("all are gone")
    monkeypatch.setenv("MMATUNE_HOME", str(aws.copy_of_the_volume()))
    nothing_is_lost(answered, "spot", TRIALS, kept)
    assert moved(kept / "spot") <= before


@pytest.mark.cluster
def test_a_volume_with_data_is_never_formatted(aws: Account) -> None:
    """What `mount_volume.sh` does on a blank one, after a reboot, and where it cannot tell."""
    lab = aws.lab
    ec2 = aws.client("ec2")
    ec2.create_key_pair(KeyName="key")
    (subnet,) = ec2.describe_subnets()["Subnets"]
    where = {"ImageId": aws.image, "SubnetId": subnet["SubnetId"]}
    ec2.run_instances(**where, KeyName="key", MinCount=1, MaxCount=1)
    (instance,) = aws.instances()
    wait_for(lambda: instance["InstanceId"] in lab.hosts)
    head = lab.hosts[instance["InstanceId"]]
    wait_for(lambda: lab.ssh(head, "true").returncode == 0)
    shutil.copy(ROOT / "mlflow" / "mount_volume.sh", lab.shared)
    # As the set-up leaves it: boto3's Python is `python`.
    mount = "PYTHONPATH=/mnt/site PATH=/mnt/python/bin:$PATH bash /mnt/shared/mount_volume.sh"
    mount += f" {aws.volume} /mnt/mmatune"

    def on_it(command: str) -> str:
        done = lab.ssh(head, command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    on_it(f"{mount} && echo kept > /mnt/mmatune/study && sudo umount /mnt/mmatune")
    assert on_it(f"{mount} && cat /mnt/mmatune/study && sudo umount /mnt/mmatune") == "kept\n"
    on_it("sudo mount --bind /bin/false $(PATH=/usr/sbin:/sbin:$PATH command -v blkid)")
    refused = lab.ssh(head, mount)
    assert refused.returncode == 1
    assert f"cannot tell what is on {aws.volume}" in refused.stderr


def spot(aws: Account, *states: str) -> list[str]:
    """Machines at the lower price, those with an L4."""
    return [
        one["InstanceId"]
        for one in aws.instances(*states)
        if one.get("InstanceLifecycle") == "spot" and one["InstanceType"] == "g6.xlarge"
    ]


def only_ssh_is_open(aws: Account, address: str) -> None:
    """By EC2's rules, and to MLflow and Ray's dashboard by themselves."""
    groups = aws.client("ec2").describe_security_groups(
        Filters=[{"Name": "tag-key", "Values": ["ray-cluster-name"]}]
    )["SecurityGroups"]
    assert groups
    rules = [rule for group in groups for rule in group["IpPermissions"] if rule["IpRanges"]]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in rules] == [(22, 22)]
    for port in (5000, 8265):
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, port), timeout=60)
