"""The rules of this project for a cluster file: machines, set-up, ports, storage, no secrets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tuning.cluster.check.findings import Finding, is_open, texts
from tuning.cluster.check.ray_rules import node_types

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NEEDED = ("pyproject.toml", "constraints.txt", "model", "search_spaces", "tuning", "mlflow")
_TOKEN = "~/.ray/auth_token"
# Families of EC2 machines with an NVIDIA GPU: G (but not AMD's g4ad) and P.
_HAS_GPU = re.compile(r"^(g(?!4ad)\d\w*|gr\d\w*|p\d\w*)\.")
# Marks of a value to fill in that are not ours, and copied example values.
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w -]*>|CHANGE.?ME|TODO|\bxxx+|0123456789abcdef0", re.I)
_SECRET = re.compile(
    r"(SECRET|PASSWORD|ACCESS_KEY_ID|SESSION_TOKEN)\w*\s*=\s*\S|://[^/@\s\"']*:[^/@\s]*@"
)


def project_mistakes(cluster: dict[str, Any], folder: Path) -> Iterator[Finding]:
    """Every mistake that Ray itself accepts.

    Args:
        folder: of the file; `ray up` is run there.
    """
    if not cluster.get("cluster_name"):
        yield Finding("cluster_name", "is missing", "two unnamed clusters are taken for one")
    if not (cluster.get("auth") or {}).get("ssh_user"):
        yield Finding("auth.ssh_user", "is missing", "ubuntu, on an Ubuntu image of AWS")
    yield from _placeholders(cluster)
    provider = cluster.get("provider") or {}
    if provider.get("type") == "aws":
        yield from _aws(cluster, provider)
    elif provider.get("type") == "local":
        yield from _own_machines(cluster, provider)
    yield from _mounts(cluster.get("file_mounts") or {}, folder)
    yield from _setup(cluster, folder)
    yield from _start(cluster)
    yield from _storage(cluster, provider.get("type"))


def things_to_do(cluster: dict[str, Any]) -> Iterator[Finding]:
    """Values to fill in, and the token that is made once."""
    seen = set()
    for where, text in texts(cluster):
        if is_open(text) and text not in seen:
            seen.add(text)  # an image that three machines share is filled in once
            yield Finding(where, text if len(text) < 90 else re.sub(r"^.*?(FILL IN)", r"\1", text))
    source = (cluster.get("file_mounts") or {}).get(_TOKEN)
    if source and not _is_there(Path(source), Path.is_file):
        yield Finding(f"file_mounts.{_TOKEN}", "no token yet", "ray get-auth-token --generate")


def commands(cluster: dict[str, Any], *, kind: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of each shell command, of keys whose name contains ``kind``."""
    for key, value in cluster.items():
        if key.endswith("_commands") and kind in key:
            yield from texts(value, key)


def storage_of(cluster: dict[str, Any]) -> tuple[str, str] | None:
    """Where the shared storage is named, and its folder or address."""
    for where, command in commands(cluster):
        if found := re.search(r"MMATUNE_STORAGE=(?:\"([^\"]*)\"|'([^']*)'|([^\s'\"]*))", command):
            return where, next(filter(None, found.groups()), "")
    return None


def _placeholders(cluster: dict[str, Any]) -> Iterator[Finding]:
    for where, text in texts(cluster):
        if _PLACEHOLDER.search(text) and not is_open(text):
            yield Finding(where, f"{text!r} looks like a value to fill in")
        if _SECRET.search(text):
            yield Finding(where, "holds a secret", "keep it in the environment or ~/.aws")


def _aws(cluster: dict[str, Any], provider: dict[str, Any]) -> Iterator[Finding]:
    region = provider.get("region")
    if not region:
        yield Finding("provider.region", "is missing", "such as us-west-2")
    elif not is_open(region):
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
            yield Finding("provider.region", f"{region!r} is no region", "such as us-west-2")
        for zone in (provider.get("availability_zone") or "").split(","):
            if zone and not is_open(zone) and not zone.strip().startswith(region):
                yield Finding("provider.availability_zone", f"{zone} is not in {region}")
    for where, command in commands(cluster):
        set_to = re.search(r"AWS_DEFAULT_REGION=([\w-]+)", command)
        if set_to and region and set_to[1] != region:
            yield Finding(where, f"AWS_DEFAULT_REGION is {set_to[1]}, provider.region {region}")
    home = next(
        (found[1] for _, c in commands(cluster) if (found := re.search(r"MMATUNE_HOME=(\S+)", c))),
        None,
    )
    mounted = [c for _, c in commands(cluster, kind="head_setup") if "mount_volume.sh" in c]
    if home and not any(command.split()[-1] == home for command in mounted):
        hint = f'bash ~/mmatune/mlflow/mount_volume.sh "VOLUME" {home}'
        yield Finding("head_setup_commands", f"no volume is mounted at {home}", hint)
    if not cluster.get("idle_timeout_minutes"):
        yield Finding("idle_timeout_minutes", "is missing", "idle machines cost money")
    for rule in (provider.get("security_group") or {}).get("IpPermissions") or []:
        everywhere = any(r.get("CidrIp") == "0.0.0.0/0" for r in rule.get("IpRanges", []))
        if everywhere and (rule.get("FromPort"), rule.get("ToPort")) != (22, 22):
            port = f"{rule.get('FromPort')} to {rule.get('ToPort')}"
            yield Finding("provider.security_group", f"opens port {port} to the world")
    types, head = node_types(cluster), cluster.get("head_node_type")
    workers = {name: node for name, node in types.items() if name != head}
    if not any(_offers_gpu(node) for node in workers.values()):
        yield Finding("available_node_types", "no worker has a GPU", "such as g6.xlarge")
    for name, node in types.items():
        where = f"available_node_types.{name}"
        machine = (node.get("node_config") or {}).get("InstanceType")
        if not machine:
            yield Finding(f"{where}.node_config.InstanceType", "is missing")
        elif (node.get("resources") or {}).get("GPU") and not _HAS_GPU.match(machine):
            yield Finding(f"{where}.resources.GPU", f"{machine} has no GPU", "such as g6.xlarge")
        if not (node.get("node_config") or {}).get("ImageId"):
            hint = "Ray's own choice is an image of 2022, without a new enough Python"
            yield Finding(f"{where}.node_config.ImageId", "is missing", hint)
    alike = Counter(node.get("priority") for node in workers.values())
    if len(workers) > 1 and max(alike.values()) > 1:
        hint = "without different priorities Ray starts both types for one trial"
        yield Finding("available_node_types", "two worker types have the same priority", hint)


def _offers_gpu(node: dict[str, Any]) -> bool:
    machine = (node.get("node_config") or {}).get("InstanceType") or ""
    return bool(_HAS_GPU.match(machine)) and (node.get("max_workers") or 0) > 0


def _own_machines(cluster: dict[str, Any], provider: dict[str, Any]) -> Iterator[Finding]:
    head, workers = provider.get("head_ip"), provider.get("worker_ips") or []
    if not workers:
        yield Finding("provider.worker_ips", "there is no worker")
    for address, count in Counter(workers).items():
        if count > 1 and not is_open(address):
            yield Finding("provider.worker_ips", f"{address} is there {count} times")
    if head in workers and not is_open(head):
        yield Finding("provider.worker_ips", f"{head} is the head", "a machine is one of the two")
    for where, address in texts(provider, "provider"):
        if (
            where != "provider.type"
            and not is_open(address)
            and not re.fullmatch(r"[\w.:-]+", address)
        ):
            yield Finding(where, f"{address!r} is neither an address nor a name")
    key = (cluster.get("auth") or {}).get("ssh_private_key")
    if key and not is_open(key) and not _is_there(Path(key), Path.is_file) and not is_open(head):
        yield Finding("auth.ssh_private_key", f"there is no file {key}", "make it with ssh-keygen")


def _mounts(mounts: dict[str, str], folder: Path) -> Iterator[Finding]:
    for remote, local in mounts.items():
        if (
            remote != _TOKEN
            and not is_open(local)
            and not _is_there(Path(local), Path.exists, folder)
        ):
            hint = f"run `ray up` in {folder}" if not Path(local).is_absolute() else ""
            yield Finding(f"file_mounts.{remote}", f"there is no {local}", hint)
    if _TOKEN not in mounts:
        hint = f"add {_TOKEN}: {_TOKEN}; without it anybody in the network may run code"
        yield Finding(f"file_mounts.{_TOKEN}", "is missing", hint)
    for name in _NEEDED:
        if f"~/mmatune/{name}" not in mounts:
            yield Finding(f"file_mounts.~/mmatune/{name}", "is missing", "the set-up needs it")


def _is_there(path: Path, kind: Callable[[Path], bool], folder: Path = Path()) -> bool:
    with suppress(OSError, ValueError, RuntimeError):  # too long, a NUL, an unknown user's home
        return kind(folder / path.expanduser())
    return False


def _setup(cluster: dict[str, Any], folder: Path) -> Iterator[Finding]:
    setup = [command for _, command in commands(cluster, kind="setup")]
    if not any("pip install" in c and "PIP_CONSTRAINT=constraints.txt" in c for c in setup):
        hint = "cd ~/mmatune && PIP_CONSTRAINT=constraints.txt ~/venv/bin/pip install '.[cluster]'"
        yield Finding("setup_commands", "does not install the versions of constraints.txt", hint)
    if not any("RAY_AUTH_MODE=token" in command for command in setup):
        yield Finding("setup_commands", "does not set RAY_AUTH_MODE=token")
    constraints = folder / "constraints.txt"
    lines = constraints.read_text().splitlines() if constraints.is_file() else []
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    for where, command in commands(cluster):
        for name, asked in re.findall(
            r"\b(ray|torch|mlflow|optuna)(?:\[\w+\])?==([\w.]+)", command
        ):
            if pins.get(name) != asked:
                yield Finding(where, f"{name} {asked}, constraints.txt has {pins.get(name)}")
    if pins and pins.get("ray") != version("ray"):
        hint = "pip install -c constraints.txt '.[cluster]'"
        message = f"pins ray {pins.get('ray')}, but `ray up` here is {version('ray')}"
        yield Finding("constraints.txt", message, hint)


def _start(cluster: dict[str, Any]) -> Iterator[Finding]:
    head = " ".join(command for _, command in commands(cluster, kind="head_start"))
    workers = " ".join(command for _, command in commands(cluster, kind="worker_start"))
    port = _option(head, "port") or "6379"
    asked = re.search(r"--address=\S*?:(\d+)", workers)
    if not asked or asked[1] != port:
        found = asked[1] if asked else "none"
        yield Finding("worker_start_ray_commands", f"port {found}, the head listens at {port}")
    if "--autoscaling-config" not in head:
        hint = "--autoscaling-config=~/ray_bootstrap_config.yaml"
        yield Finding("head_start_ray_commands", "the head does not manage workers", hint)
    mlflow = re.search(r"mlflow/start\.sh(?: (\d+))?", head)
    if not mlflow:
        hint = "bash ~/mmatune/mlflow/start.sh 5000"
        yield Finding("head_start_ray_commands", "the MLflow server is not started", hint)
    ports = [
        port,
        _option(head, "dashboard-port") or "8265",
        _option(head, "ray-client-server-port"),
    ]
    ports.append((mlflow[1] or "5000") if mlflow else None)
    for taken, count in Counter(filter(None, ports)).items():
        if count > 1:
            yield Finding("head_start_ray_commands", f"two servers are to listen at port {taken}")
        if not taken.isdecimal() or not 0 < int(taken) < 65536:
            yield Finding("head_start_ray_commands", f"{taken} is no port")
    for where, command in commands(cluster):
        for host in re.findall(r"--(?:dashboard-)?host[= ](\S+)", command):
            if host not in _LOOPBACK:
                hint = "127.0.0.1; reach it with `ray attach FILE -p 8265`"
                yield Finding(where, f"a server would listen on {host}, open to others", hint)


def _option(command: str, name: str) -> str | None:
    found = re.search(rf"--{name}[= ](\S+)", command)
    return found[1] if found else None


def _storage(cluster: dict[str, Any], kind: str | None) -> Iterator[Finding]:
    found = storage_of(cluster)
    if not found:
        hint = "echo 'export MMATUNE_STORAGE=...' > ~/mmatune.env"
        yield Finding("initialization_commands", "no command sets MMATUNE_STORAGE", hint)
        return
    where, storage = found
    if kind == "aws" and not storage.startswith("s3://"):
        hint = "s3://bucket/folder: machines of AWS share no folder"
        yield Finding(where, f"the storage {storage!r} is not shared", hint)
    elif kind == "local" and not is_open(storage) and not storage.startswith(("/", "s3://")):
        yield Finding(where, f"the storage {storage!r} is neither an absolute folder nor s3://")
