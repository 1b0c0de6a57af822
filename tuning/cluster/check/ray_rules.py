"""Ray's own rules for a cluster file: its schema, and misspelt keys that its schema accepts."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Collection, Iterator
from typing import Any

import jsonschema

from model.errors import InputError
from tuning.cluster.check.findings import Finding
from tuning.libraries.ray_internals import check_with_launcher

# `additionalProperties` is true there in Ray's schema; read from its node providers.
_PROVIDER_KEYS = {
    "aws": {
        "type",
        "region",
        "availability_zone",
        "cache_stopped_nodes",
        "use_internal_ips",
        "security_group",
        "cloudwatch",
    },
    "local": {"type", "head_ip", "worker_ips", "external_head_ip"},
}
# Arguments of EC2's RunInstances, of which Ray makes a call; SubnetIds is Ray's own.
NODE_CONFIG_KEYS = {
    "AdditionalInfo",
    "BlockDeviceMappings",
    "CapacityReservationSpecification",
    "ClientToken",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "DryRun",
    "EbsOptimized",
    "ElasticGpuSpecification",
    "ElasticInferenceAccelerators",
    "EnablePrimaryIpv6",
    "EnclaveOptions",
    "HibernationOptions",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceType",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "KernelId",
    "KeyName",
    "LaunchTemplate",
    "LicenseSpecifications",
    "MaintenanceOptions",
    "MaxCount",
    "MetadataOptions",
    "MinCount",
    "Monitoring",
    "NetworkInterfaces",
    "NetworkPerformanceOptions",
    "Operator",
    "Placement",
    "PrivateDnsNameOptions",
    "PrivateIpAddress",
    "RamdiskId",
    "SecurityGroupIds",
    "SecurityGroups",
    "SubnetId",
    "SubnetIds",
    "TagSpecifications",
    "UserData",
}


def ray_mistakes(cluster: dict[str, Any]) -> Iterator[Finding]:
    """What Ray's own validation refuses, then the misspelt keys that it accepts."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        check_with_launcher(cluster)
    except ImportError as error:
        raise InputError(
            f"Ray's cluster launcher is not installed ({error})",
            where="mmatune cluster",
            hint="pip install '.[cluster]'",
        ) from error
    except jsonschema.ValidationError as error:
        yield Finding(".".join(map(str, error.absolute_path)) or "the file", error.message)
    except Exception as error:  # its checks are written for files that are nearly right
        yield Finding("the file", f"Ray refuses it: {error}")
    provider = cluster.get("provider")
    if not isinstance(provider, dict):
        return
    kind = provider.get("type")
    if kind not in _PROVIDER_KEYS:
        yield Finding("provider.type", f"{kind!r} is neither aws nor local")
        return
    yield from _unknown("provider", provider, _PROVIDER_KEYS[kind])
    for name, node in node_types(cluster).items():
        config = node.get("node_config") or {}
        yield from _unknown(f"available_node_types.{name}.node_config", config, NODE_CONFIG_KEYS)


def node_types(cluster: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The machine types of a file, empty with the local provider."""
    types = cluster.get("available_node_types") or {}
    return {name: node for name, node in types.items() if isinstance(node, dict)}


def _unknown(where: str, found: dict[str, Any], known: Collection[str]) -> Iterator[Finding]:
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "Ray would ignore it or fail late"
            yield Finding(f"{where}.{key}", "there is no such key", hint)
