"""kuberay.yaml: the fields that it uses are KubeRay's, and it is the service of cluster.yaml.

No package that can be installed here brings the schema of KubeRay's resources. So `Manifest` is one
of our own, written from the API reference of KubeRay 1.6 and of Kubernetes: strict, and of the
fields that the file uses alone. Beside it Ray's own code reads the cluster as its autoscaler does.
Nothing here starts Kubernetes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)

from tuning.cluster.capacity import largest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "kuberay.yaml").read_text()


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Label = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^\d+(m|Mi|Gi)?$")]
Absolute = Annotated[str, Field(pattern=r"^/")]


class Metadata(Strict):
    name: Label
    labels: dict[str, str]


class Amounts(Strict):
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity]


class Variable(Strict):
    name: str
    value: str


class Reference(Strict):
    name: Label
    optional: bool = False


class Source(Strict):
    secretRef: Reference


class Mount(Strict):
    name: Label
    mountPath: Absolute
    subPath: str | None = None


class Container(Strict):
    name: Label
    image: str
    command: list[str] | None = None
    resources: Amounts
    env: list[Variable]
    envFrom: list[Source] = []
    volumeMounts: list[Mount] = []


class Claim(Strict):
    claimName: Label


class ConfigMapVolume(Strict):
    name: Label


class Volume(Strict):
    name: Label
    persistentVolumeClaim: Claim | None = None
    configMap: ConfigMapVolume | None = None


class Toleration(Strict):
    key: str
    operator: Literal["Exists", "Equal"]
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class SecurityContext(Strict):
    runAsNonRoot: bool
    runAsUser: int
    fsGroup: int


class PodSpec(Strict):
    # What KubeRay demands with its autoscaler v2.
    restartPolicy: Literal["Never"]
    securityContext: SecurityContext
    tolerations: list[Toleration] = []
    containers: Annotated[list[Container], Field(min_length=1)]
    volumes: list[Volume] = []


class Pod(Strict):
    spec: PodSpec


class HeadGroup(Strict):
    serviceType: Literal["ClusterIP"]
    rayStartParams: dict[str, str]
    template: Pod


class WorkerGroup(Strict):
    groupName: Label
    replicas: int
    minReplicas: int
    maxReplicas: int
    rayStartParams: dict[str, str]
    template: Pod


class AuthOptions(Strict):
    mode: Literal["token"]
    secretName: Label


class AutoscalerOptions(Strict):
    version: Literal["v2"]
    idleTimeoutSeconds: int


class ClusterSpec(Strict):
    rayVersion: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    authOptions: AuthOptions
    enableInTreeAutoscaling: Literal[True]
    autoscalerOptions: AutoscalerOptions
    headGroupSpec: HeadGroup
    workerGroupSpecs: list[WorkerGroup]


class RayCluster(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayCluster"]
    metadata: Metadata
    spec: ClusterSpec


class JobSpec(Strict):
    entrypoint: str
    backoffLimit: Annotated[int, Field(ge=0)]
    shutdownAfterJobFinishes: bool
    rayClusterSpec: ClusterSpec


class RayJob(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: JobSpec


class ClaimSpec(Strict):
    accessModes: list[Literal["ReadWriteOncePod"]]
    resources: Amounts


class PersistentVolumeClaim(Strict):
    apiVersion: Literal["v1"]
    kind: Literal["PersistentVolumeClaim"]
    metadata: Metadata
    spec: ClaimSpec


class ConfigMap(Strict):
    apiVersion: Literal["v1"]
    kind: Literal["ConfigMap"]
    metadata: Metadata
    data: dict[str, str]


class Manifest(Strict):
    apiVersion: Literal["v1"]
    kind: Literal["List"]
    items: list[
        Annotated[
            PersistentVolumeClaim | ConfigMap | RayCluster | RayJob, Field(discriminator="kind")
        ]
    ]


@pytest.fixture
def manifest() -> dict[str, Any]:
    return yaml.safe_load(TEXT)


def item(manifest: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [one for one in manifest["items"] if one["kind"] == kind]
    return found


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [one for group in groups for one in group["template"]["spec"]["containers"]]


def test_every_field_is_one_of_kuberays(manifest: dict[str, Any]) -> None:
    Manifest.model_validate(manifest)


def misspell_a_field(spec: dict[str, Any]) -> None:
    spec["workerGroupSpecs"][0]["maxReplica"] = spec["workerGroupSpecs"][0].pop("maxReplicas")


def write_a_number_as_text(spec: dict[str, Any]) -> None:
    spec["workerGroupSpecs"][0]["maxReplicas"] = "8"


def write_a_quantity_as_a_number(spec: dict[str, Any]) -> None:
    spec["headGroupSpec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"] = 4


def open_it_to_the_world(spec: dict[str, Any]) -> None:
    spec["headGroupSpec"]["serviceType"] = "LoadBalancer"


def forget_the_token(spec: dict[str, Any]) -> None:
    del spec["authOptions"]


@pytest.mark.parametrize(
    "plant",
    [
        misspell_a_field,
        write_a_number_as_text,
        write_a_quantity_as_a_number,
        open_it_to_the_world,
        forget_the_token,
    ],
)
def test_a_planted_mistake_is_refused(
    manifest: dict[str, Any], plant: Callable[[dict[str, Any]], None]
) -> None:
    plant(item(manifest, "RayCluster")["spec"])
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest)


def test_ray_reads_what_is_meant_and_mmatune_is_told_the_same(manifest: dict[str, Any]) -> None:
    resource = item(manifest, "RayCluster")
    resource["metadata"]["namespace"] = "default"  # where it is applied
    read = _derive_autoscaling_config_from_ray_cr(resource)
    assert read["idle_timeout_minutes"] == 10
    for node in read["available_node_types"].values():
        node["resources"].pop("memory")  # trials ask for none
    assert read["available_node_types"]["gpu"]["resources"] == {"CPU": 4, "GPU": 1}
    assert read["available_node_types"]["gpu"]["min_workers"] == 0
    told = yaml.safe_load(item(manifest, "ConfigMap")["data"]["ray_bootstrap_config.yaml"])
    assert largest(told) == largest(read) == {"CPU": 4 + 8 * 4, "GPU": 8}


def test_it_is_the_service_of_cluster_yaml(manifest: dict[str, Any]) -> None:
    aws = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    spec = item(manifest, "RayCluster")["spec"]
    assert f"ray=={spec['rayVersion']}" in (ROOT / "constraints.txt").read_text().splitlines()
    assert spec["autoscalerOptions"]["idleTimeoutSeconds"] == 60 * aws["idle_timeout_minutes"]
    (workers,) = spec["workerGroupSpecs"]
    assert workers["maxReplicas"] == aws["available_node_types"]["gpu_spot"]["max_workers"]
    assert item(manifest, "RayJob")["spec"]["rayClusterSpec"] == spec
    assert len({one["image"] for one in containers(spec)}) == 1
    set_by_aws = set(re.findall(r"\b(MMATUNE_\w+)=", str(aws["initialization_commands"])))
    for one in containers(spec):
        assert {variable["name"] for variable in one["env"]} == set_by_aws


def test_what_is_mounted_is_there(manifest: dict[str, Any]) -> None:
    head = item(manifest, "RayCluster")["spec"]["headGroupSpec"]["template"]["spec"]
    assert {volume["name"] for volume in head["volumes"]} == {"home", "files"}
    assert head["volumes"][0]["persistentVolumeClaim"]["claimName"] == "mmatune-home"
    files = item(manifest, "ConfigMap")
    assert head["volumes"][1]["configMap"]["name"] == files["metadata"]["name"]
    for one in head["containers"]:
        mounts = {mount["mountPath"]: mount.get("subPath") for mount in one["volumeMounts"]}
        home = next(each["value"] for each in one["env"] if each["name"] == "MMATUNE_HOME")
        assert home in mounts
        assert {path for path in mounts.values() if path} <= set(files["data"])


def test_no_secret_and_no_open_server_is_in_it(manifest: dict[str, Any]) -> None:
    kinds = {one["kind"] for one in manifest["items"]}
    assert kinds == {"PersistentVolumeClaim", "ConfigMap", "RayCluster", "RayJob"}
    for one in containers(item(manifest, "RayCluster")["spec"]):
        assert all(not re.search("KEY|TOKEN|PASSWORD", each["name"]) for each in one["env"])
        assert "--host" not in one.get("command", []), "the server's default is loopback"


def test_the_image_is_built_of_what_cluster_yaml_mounts() -> None:
    docs = (ROOT / "docs" / "cluster.md").read_text()
    (built,) = re.findall(r"```dockerfile\n(.*?)```", docs, re.S)
    aws = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    sources = {source for source in aws["file_mounts"].values() if not source.startswith("~")}
    copied = re.findall(r"^COPY (.+) \S+$", built, re.M)
    assert {source for line in copied for source in line.split()} == sources
    assert "PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt" in built
    assert "pip install -q '.[cluster]'" in built
    user = "useradd --create-home --uid 1000 ray"
    assert user in built
    assert "runAsUser: 1000," in TEXT
    assert "/home/ray/ray_bootstrap_config.yaml" in TEXT


@pytest.mark.heavy
@pytest.mark.parametrize("begun", [False, True])
def test_a_retry_goes_on_with_the_study(
    begun: bool, manifest: dict[str, Any], tmp_path: Path
) -> None:
    script = tmp_path / "study.sh"
    script.write_text(item(manifest, "ConfigMap")["data"]["study.sh"])
    assert item(manifest, "RayJob")["spec"]["entrypoint"] == "bash /etc/mmatune/study.sh"
    command = tmp_path / "bin" / "mmatune"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\necho "$@"\n')
    command.chmod(0o755)
    if begun:
        (tmp_path / "studies" / "first").mkdir(parents=True)
        (tmp_path / "studies" / "first" / "plan.json").touch()
    done = subprocess.run(
        ["bash", str(script)],
        env={"PATH": f"{command.parent}:{os.environ['PATH']}", "MMATUNE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    options = "--resume" if begun else "--trials 24"
    assert done.stdout == f"tune demo --name first --address auto {options}\n"
