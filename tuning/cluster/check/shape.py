"""What a cluster file holds, by kind: the rules look into it only where lists are lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tuning.cluster.check.findings import Finding


class _Part(BaseModel):
    """Other keys may stand beside those that are named; a number is no text."""

    model_config = ConfigDict(strict=True, extra="allow")


class _IpRange(_Part):
    CidrIp: str | None = None


class _Rule(_Part):
    IpRanges: list[_IpRange] = []
    FromPort: int | None = None
    ToPort: int | None = None


class _SecurityGroup(_Part):
    IpPermissions: list[_Rule] | None = None


class _Provider(_Part):
    type: str
    region: str | None = None
    availability_zone: str | None = None
    head_ip: str | None = None
    worker_ips: list[str] | None = None
    security_group: _SecurityGroup | None = None


class _NodeConfig(_Part):
    InstanceType: str | None = None
    ImageId: str | None = None


class _Node(_Part):
    node_config: _NodeConfig | None = None
    resources: dict[str, float] | None = None
    min_workers: int | None = Field(None, ge=0)
    max_workers: int | None = Field(None, ge=0)
    priority: float | None = None


class _Auth(_Part):
    ssh_user: str | None = None
    ssh_private_key: str | None = None


class _Cluster(_Part):
    cluster_name: str | None = None
    provider: _Provider
    auth: _Auth | None = None
    max_workers: int | None = Field(None, ge=0)
    idle_timeout_minutes: float | None = None
    head_node_type: str | None = None
    available_node_types: dict[str, _Node] | None = None
    file_mounts: dict[str, str] | None = None
    initialization_commands: list[str] | None = None
    setup_commands: list[str] | None = None
    head_setup_commands: list[str] | None = None
    worker_setup_commands: list[str] | None = None
    head_start_ray_commands: list[str] | None = None
    worker_start_ray_commands: list[str] | None = None


def wrong_kinds(cluster: Any) -> Iterator[Finding]:
    """Every value of another kind than the rules take it for."""
    try:
        _Cluster.model_validate(cluster)
    except ValidationError as error:
        for one in error.errors():
            where = ".".join(map(str, one["loc"])) or "the file"
            yield Finding(where, f"{one['msg']}, got {str(one['input'])[:60]!r}")
