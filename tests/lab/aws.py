"""An AWS account that moto simulates; its EC2 instances are hosts of a lab.

A thread makes the hosts follow EC2: it boots an instance that starts, with its private and public
address and its metadata service; it powers off one that is terminated; it plugs in a volume that is
attached. S3 is simulated by moto as well.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import requests
from moto.server import ThreadedMotoServer

from tests.lab import metadata
from tests.lab.hosts import Host, Lab
from tests.lab.image import run

REGION, ZONE, ROLE, BUCKET = "us-west-2", "us-west-2a", "mmatune-cluster", "mmatune-lab"
_KEYS = {"AWS_ACCESS_KEY_ID": "key-of-the-user", "AWS_SECRET_ACCESS_KEY": "secret-of-the-user"}


@dataclass
class Account:
    """What a user has at AWS.

    Args:
        image: id of the machines' image.
        volume: id of a blank EBS volume.
    """

    lab: Lab
    endpoint: str
    image: str = ""
    volume: str = ""
    plugged: dict[str, str] = field(default_factory=dict)  # loop device by instance

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=_KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_KEYS["AWS_SECRET_ACCESS_KEY"],
        )

    def instances(self, *states: str) -> list[dict[str, Any]]:
        """All instances, also terminated ones, or only those in one of the states."""
        pages = self.client("ec2").describe_instances()["Reservations"]
        found = [one for page in pages for one in page["Instances"]]
        return [one for one in found if not states or one["State"]["Name"] in states]

    @property
    def image_of_the_volume(self) -> Path:
        return self.lab.folder / "volume.img"

    def copy_of_the_volume(self) -> Path:
        """A copy of its files; no machine may have it attached."""
        folder = self.lab.folder / "volume"
        folder.mkdir()
        run("mount", "-o", "loop", str(self.image_of_the_volume), str(folder))
        try:
            return Path(shutil.copytree(folder, self.lab.folder / "copy-of-the-volume"))
        finally:
            run("umount", str(folder))

    def copy_of_the_bucket(self) -> Path:
        """A copy of the files in the bucket."""
        s3, folder = self.client("s3"), self.lab.folder / "copy-of-the-bucket"
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for key in (one["Key"] for one in page.get("Contents", [])):
                if not key.endswith("/"):
                    (folder / key).parent.mkdir(parents=True, exist_ok=True)
                    s3.download_file(BUCKET, key, str(folder / key))
        return folder


@contextmanager
def account(lab: Lab) -> Iterator[Account]:
    """An account with what docs/cluster.md asks for: a bucket, a volume and a role."""
    # moto would draw public addresses that are somebody's.
    addresses = (f"{lab.subnet}.{last}" for last in itertools.count(129))
    name = "moto.ec2.models.elastic_network_interfaces.random_public_ip"
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=f"{lab.subnet}.1", port=0, verbose=False)
    with mock.patch(name, side_effect=addresses):
        server.start()
        host, port = server.get_host_and_port()
        made = Account(lab, f"http://{host}:{port}")
        stop = threading.Event()
        try:
            _furnish(made)
            lab.variables.update(_KEYS, AWS_ENDPOINT_URL=made.endpoint)
            with ThreadPoolExecutor(1) as pool:
                following = pool.submit(_follow, made, stop)
                try:
                    yield made
                finally:
                    stop.set()
                    following.result()
        finally:
            for instance in list(made.plugged):
                _power_off(made, lab.hosts[instance])
            requests.post(f"{made.endpoint}/moto-api/reset", timeout=10)
            server.stop()


def _furnish(made: Account) -> None:
    ec2, iam = made.client("ec2"), made.client("iam")
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    vpc = ec2.create_vpc(CidrBlock=f"{made.lab.subnet}.0/24")["Vpc"]["VpcId"]
    # The upper half is for public addresses.
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock=f"{made.lab.subnet}.0/25", AvailabilityZone=ZONE
    )["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName=ROLE)
    iam.add_role_to_instance_profile(InstanceProfileName=ROLE, RoleName=ROLE)
    made.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    made.image = ec2.register_image(Name="ubuntu-with-driver")["ImageId"]
    made.volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    with made.image_of_the_volume.open("wb") as image:
        image.truncate(2**30)


def _follow(made: Account, stop: threading.Event) -> None:
    """Make the hosts follow EC2 until told to stop."""
    ec2 = made.client("ec2")
    while not stop.wait(1):
        # A new one may have got the address of one that went.
        for instance in sorted(made.instances(), key=lambda one: one["State"]["Name"] == "running"):
            host = made.lab.hosts.get(instance["InstanceId"])
            if instance["State"]["Name"] == "running" and host is None:
                _boot(made, instance)
            elif instance["State"]["Name"] != "running" and host and host.runs:
                _power_off(made, host)
        for volume in ec2.describe_volumes(VolumeIds=[made.volume])["Volumes"]:
            for attached in volume["Attachments"]:
                host = made.lab.hosts.get(attached["InstanceId"])
                if host and host.runs and host.name not in made.plugged:
                    _plug_in(made, host)


def _boot(made: Account, instance: dict[str, Any]) -> None:
    (key,) = made.client("ec2").describe_key_pairs(
        KeyNames=[instance["KeyName"]], IncludePublicKey=True
    )["KeyPairs"]
    service = f"python3 - {REGION} {instance['InstanceId']} {ROLE} << 'END' &"
    script = Path(metadata.__file__).read_text()
    made.lab.boot(
        instance["InstanceId"],
        instance["PrivateIpAddress"],
        public=instance["PublicIpAddress"],
        key=key["PublicKey"],
        environment={"AWS_ENDPOINT_URL": made.endpoint},
        extra=f"ip address add {metadata.ADDRESS}/32 dev lo\n"
        f"/mnt/python/bin/{service}\n{script}END",
    )


def _plug_in(made: Account, host: Host) -> None:
    """The volume appears under its NVMe name, as on current EC2 instances."""
    assert host.process is not None
    loop = run("losetup", "--find", "--show", str(made.image_of_the_volume)).strip()
    made.plugged[host.name] = loop
    inside = f"nsenter --mount --target {host.process.pid}".split()
    run(*inside, "mknod", "/dev/nvme1n1", "b", "7", loop.removeprefix("/dev/loop"))
    name = f"nvme-Amazon_Elastic_Block_Store_{made.volume.replace('-', '')}"
    run(*inside, "ln", "-s", "/dev/nvme1n1", f"/dev/disk/by-id/{name}")


def _power_off(made: Account, host: Host) -> None:
    made.lab.power_off(host)
    if loop := made.plugged.pop(host.name, None):
        run("losetup", "--detach", loop)
