"""A Ray head as `ray up` leaves one: on loopback, with a token, with a home for its studies."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

TOKEN = uuid.uuid4().hex * 2
_MARK = "MMATUNE_TEST_HEAD"  # in the environment of all that this head starts


@dataclass(frozen=True)
class Head:
    """A head that runs.

    Args:
        address: of its dashboard.
        home: of its studies.
        token: the file with the token that it asks for.
    """

    address: str
    home: Path
    token: Path

    def logs(self, pattern: str) -> list[Path]:
        """Files of Ray's own log folder."""
        return [path for path in self.home.parent.glob(f"ray/session_2*/logs/**/{pattern}")]

    def laptop(self, home: Path) -> dict[str, str]:
        """The environment of a user of the head on another machine, which shares nothing but
        the token."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "COLUMNS": "200",
            "MMATUNE_HOME": str(home),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
        }


@contextmanager
def ray_head() -> Iterator[Head]:
    """Started with `ray start --head` on free ports, and ended by the ids of its processes."""
    mark = uuid.uuid4().hex
    # Ray makes sockets below it, whose paths may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="head-", dir="/tmp"))
    (folder / "token").write_text(TOKEN)
    dashboard, *ports = _free_ports(6)
    options = (
        "port",
        "ray-client-server-port",
        "dashboard-agent-listen-port",
        "dashboard-agent-grpc-port",
        "metrics-export-port",
    )
    binaries = Path(sys.executable).parent
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        _MARK: mark,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "MMATUNE_HOME": str(folder / "home"),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    environment.pop("PYTHONPATH", None)
    command = [str(binaries / "ray"), "start", "--head", "--block"]
    command += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", "--num-cpus=2"]
    command += [f"--temp-dir={folder / 'ray'}", "--object-store-memory=100000000"]
    command += [f"--{option}={port}" for option, port in zip(options, ports, strict=True)]
    head = Head(f"http://127.0.0.1:{dashboard}", folder / "home", folder / "token")
    with (folder / "out").open("w") as out:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not _takes_jobs(head):
            assert process.poll() is None, (folder / "out").read_text()
            time.sleep(0.2)
        yield head
    finally:
        _end(process, mark)
        shutil.rmtree(folder, ignore_errors=True)


def _takes_jobs(head: Head) -> bool:
    try:
        said = requests.get(
            f"{head.address}/api/jobs/", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
        )
    except requests.RequestException:
        return False
    return said.ok


def _free_ports(number: int) -> list[int]:
    """Ports that nobody listens at; all are held until all are found, so they differ."""
    held = [socket.socket() for _ in range(number)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _end(head: subprocess.Popen[bytes], mark: str) -> None:
    """Kill what the head started, all of it: never `ray stop`, which ends everybody's."""
    left = _marked(mark)
    # Ray's agents write their names over their environment.
    with contextlib.suppress(psutil.Error):
        left += psutil.Process(head.pid).children(recursive=True)
    while left:
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(left, timeout=5)
        left = _marked(mark)
    head.wait()


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            carries = process.environ().get(_MARK) == mark
            if carries and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
