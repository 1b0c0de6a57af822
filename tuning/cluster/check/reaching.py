"""Try the machines and the storage of a cluster file: do they answer, do they share a folder?"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tuning.cluster.check.findings import Finding, is_open
from tuning.cluster.check.project_rules import storage_of
from tuning.cluster.shared_storage import open_storage

_SECONDS = 20  # for one command on one machine


def unreachable(cluster: dict[str, Any]) -> Iterator[Finding]:
    """Mistakes that show only when machines and bucket are tried; none while values are open."""
    found = storage_of(cluster)
    if found and found[1].startswith("s3://") and not is_open(found[1]):
        yield from _bucket(*found)
    provider = cluster.get("provider") or {}
    machines = [provider.get("head_ip"), *(provider.get("worker_ips") or [])]
    if provider.get("type") == "local" and not any(is_open(m) or not m for m in machines):
        yield from _machines(cluster, machines, found[1] if found else "")


def not_looked_at(cluster: dict[str, Any]) -> Iterator[Finding]:
    """What cannot be known before `ray up`."""
    kind = (cluster.get("provider") or {}).get("type")
    if kind == "aws":
        text = "whether AWS has these machines free, and lets this account start them"
        yield Finding("available_node_types", text)
    found = storage_of(cluster)
    if found and is_open(found[1]):
        yield Finding(found[0], "the storage, for it is to be filled in")


def _bucket(where: str, storage: str) -> Iterator[Finding]:
    try:
        filesystem, root = open_storage(storage)
        filesystem.get_file_info(root)
        bucket = filesystem.get_file_info(root.split("/")[0])
        if bucket.type.name == "NotFound":
            yield Finding(where, f"there is no bucket {root.split('/')[0]}", "aws s3 mb s3://...")
    except (OSError, ValueError) as error:
        yield Finding(where, f"{storage} does not answer: {str(error).splitlines()[0][:200]}")


def _machines(cluster: dict[str, Any], machines: list[str], storage: str) -> Iterator[Finding]:
    """Log in everywhere, look for Python, and check that each sees the files of the others."""
    token = f".mmatune-{uuid.uuid4().hex}"
    folder = storage if storage.startswith("/") else ""
    mark = f"mkdir -p '{folder}' && touch '{folder}/{token}-'$(hostname)-$$" if folder else "true"
    python = "python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))'"
    count = f"ls '{folder}' -A | grep -c '^{token}' || true"
    with ThreadPoolExecutor() as pool:

        def everywhere(command: str) -> list[subprocess.CompletedProcess[str]]:
            return list(pool.map(lambda machine: _ssh(cluster, machine, command), machines))

        marked = everywhere(f"({mark}) && ({python} || echo old)")
        reached = [done.returncode == 0 for done in marked]
        for machine, done in zip(machines, marked, strict=True):
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["no answer"]
                yield Finding("provider", f"{machine}: {lines[-1]}", "see auth and the storage")
            elif "old" in done.stdout:
                yield Finding("provider", f"{machine} has no Python 3.11 with venv")
        if folder and all(reached):
            seen = [done.stdout.strip() for done in everywhere(count)]
            alone = [m for m, n in zip(machines, seen, strict=True) if n != str(len(machines))]
            if alone:
                text = f"{folder} is not the same folder on every machine: see {', '.join(alone)}"
                yield Finding("MMATUNE_STORAGE", text, "mount one folder (NFS), or name s3://")
        if folder:
            everywhere(f"rm -f '{folder}/{token}'-*")


def _ssh(cluster: dict[str, Any], machine: str, command: str) -> subprocess.CompletedProcess[str]:
    auth = cluster.get("auth") or {}
    options = ["BatchMode=yes", "ConnectTimeout=10", "StrictHostKeyChecking=no"]
    options += [f"UserKnownHostsFile={os.devnull}", "LogLevel=ERROR"]
    key = auth.get("ssh_private_key")
    line = ["ssh", *(["-i", str(Path(key).expanduser())] if key else [])]
    line += [part for option in options for part in ("-o", option)]
    line += [f"{auth.get('ssh_user')}@{machine}", command]
    try:
        return subprocess.run(line, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(line, 255, "", str(error))
