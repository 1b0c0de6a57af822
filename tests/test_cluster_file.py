"""cluster.yaml: valid for Ray, without credentials, and complete where Ray itself does not look."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).resolve().parents[1]
HEAD_START = "head_start_ray_commands"
TEXT = (ROOT / "cluster.yaml").read_text()
Cluster = dict[str, Any]


@pytest.fixture
def cluster() -> Cluster:
    return yaml.safe_load(TEXT)


def check(cluster: Cluster) -> None:
    validate_config(prepare_config(cluster))


def test_ray_accepts_it(cluster: Cluster) -> None:
    check(cluster)


def misspell_a_key(cluster: Cluster) -> None:
    types = cluster["available_node_types"]
    types["gpu_spot"]["min_worker"] = types["gpu_spot"].pop("min_workers")


def name_a_head_that_is_not_there(cluster: Cluster) -> None:
    cluster["head_node_type"] = "haed"


def forget_the_resources(cluster: Cluster) -> None:
    del cluster["available_node_types"]["gpu_spot"]["resources"]


def ask_for_more_than_the_maximum(cluster: Cluster) -> None:
    cluster["available_node_types"]["gpu_spot"]["min_workers"] = 11


@pytest.mark.parametrize(
    "plant",
    [
        misspell_a_key,
        name_a_head_that_is_not_there,
        forget_the_resources,
        ask_for_more_than_the_maximum,
    ],
)
def test_ray_refuses_a_planted_mistake(cluster: Cluster, plant: Callable[[Cluster], None]) -> None:
    plant(cluster)
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        check(cluster)


def test_the_machines_are_those_meant(cluster: Cluster) -> None:
    """Ray accepts any key in `provider`, `auth` and `node_config`: a misspelt one is seen here."""
    types = cluster["available_node_types"]
    machines = {name: node["node_config"]["InstanceType"] for name, node in types.items()}
    assert machines == {
        "head": "m7i.xlarge",
        "gpu_spot": "g6.xlarge",
        "gpu_on_demand": "g5.xlarge",
    }
    spot = [n for n, node in types.items() if "InstanceMarketOptions" in node["node_config"]]
    assert spot == ["gpu_spot"]
    assert types["gpu_spot"]["priority"] > types["gpu_on_demand"]["priority"]
    workers = [types["gpu_spot"], types["gpu_on_demand"]]
    assert [(node["min_workers"], node["max_workers"]) for node in workers] == [(0, 8), (0, 2)]
    assert cluster["max_workers"] == 10
    assert cluster["idle_timeout_minutes"] == 10
    assert cluster["auth"]["ssh_user"] == "ubuntu"


def test_one_image_is_filled_in_for_all_machines(cluster: Cluster) -> None:
    images = [n["node_config"]["ImageId"] for n in cluster["available_node_types"].values()]
    assert len(set(images)) == 1


def test_the_files_for_aws_and_for_own_machines_share_their_set_up(cluster: Cluster) -> None:
    own = yaml.safe_load((ROOT / "cluster-local.yaml").read_text())
    for key in ("file_mounts", "rsync_exclude", "setup_commands", "worker_start_ray_commands"):
        assert own[key] == cluster[key], key
    start = [line.replace("RAY_enable_autoscaler_v2=0 ", "") for line in own[HEAD_START]]
    assert start == cluster[HEAD_START]
    set_by = re.compile(r"\b(MMATUNE_\w+)=")
    environments = [
        set(set_by.findall(str(file["initialization_commands"]))) for file in (own, cluster)
    ]
    assert environments[0] == environments[1] == {"MMATUNE_STORAGE", "MMATUNE_HOME"}


def test_no_server_of_the_head_is_open(cluster: Cluster) -> None:
    """Whoever reaches the dashboard can run code."""
    assert "--dashboard-host=127.0.0.1" in cluster[HEAD_START][1]
    start = (ROOT / "mlflow" / "start.sh").read_text()
    assert "mmatune server --port" in start
    assert "--host" not in start, "its default is loopback"


@pytest.mark.heavy
def test_what_is_mounted_is_enough_to_install(cluster: Cluster, tmp_path: Path) -> None:
    """Ray does not look at the sources of `file_mounts`; here the package is built of them."""
    folder = tmp_path / "mmatune"
    folder.mkdir()
    token = "~/.ray/auth_token"
    for remote, local in cluster["file_mounts"].items():
        if remote == token:
            continue
        target = folder / Path(remote).relative_to("~/mmatune")
        copy = shutil.copytree if (ROOT / local).is_dir() else shutil.copy
        copy(ROOT / local, target)
    install = cluster["setup_commands"][-1]
    assert install.startswith("cd ~/mmatune && export PIP_CONSTRAINT=constraints.txt ")
    assert (folder / "constraints.txt").is_file()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
