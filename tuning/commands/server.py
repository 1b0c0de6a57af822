"""`mmatune server`: the MLflow server and UI on the project's own store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from model.errors import InputError
from tuning.console import JsonOption, console, print_json
from tuning.home import artifact_root, home, tracking_uri
from tuning.loopback import is_loopback
from tuning.record.client import ENVIRONMENT_DEFAULTS, hide_password, make_embedded_store

# MLflow's own default is fifteen processes and 2 GB; one person's UI needs two and 0.4 GB.
LEAN = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
SECONDS_TO_START = 180
SECONDS_TO_STOP = 10


def server(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    as_json: JsonOption = False,
) -> None:
    """Start the MLflow server and UI on the embedded store; Ctrl-C stops it.

    Studies need no server: it shows what they have written, while they run or afterwards. With
    `--json`, one document with the `url`, the `store` and the `log` is printed once it answers.

    **Example:** `mmatune server --port 5000`
    """
    store = tracking_uri()
    if store.startswith(("http://", "https://")):
        raise InputError(
            f"studies are tracked by the server at {hide_password(store)}, so none is started here",
            where="MLFLOW_TRACKING_URI",
            hint="open that address, or unset the variable to show the embedded store",
        )
    _check_port(host, port)
    log = home() / "mlflow-server.log"
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    with _stop_signals():
        try:
            with console.status("starting the MLflow server") as status:
                make_embedded_store()
                with _mlflow_server(store, host, port, log) as process:
                    _wait_until_healthy(process, host, port, log)
                    status.stop()
                    if as_json:
                        print_json({"url": url, "store": hide_password(store), "log": str(log)})
                        sys.stdout.flush()  # whoever reads it is waiting for it
                    else:
                        _greet(url, host, store, log)
                    code = process.wait()
        except KeyboardInterrupt:
            console.print("the server is stopped")
            return
    raise InputError(
        f"the MLflow server ended by itself with code {code}", where=str(log), hint=_tail(log)
    )


def _greet(url: str, host: str, store: str, log: Path) -> None:
    console.print(f"MLflow UI: [bold]{url}[/]   (Ctrl-C stops it)", soft_wrap=True)
    console.print(f"store: {hide_password(store)}", style="dim", markup=False, soft_wrap=True)
    console.print(f"log: {log}", style="dim", markup=False, soft_wrap=True)
    if not is_loopback(host):
        console.print(
            "[yellow]Anyone who can reach this address can read and change the studies: "
            "the server asks for no password."
        )


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the command the way Ctrl-C does.

    SIGINT is among them because a shell starts background jobs with it ignored.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _mlflow_server(
    store: str, host: str, port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """The running server; on leaving, it and every process it started are gone."""
    # By environment and not by argument, for a store's address may hold a password and anyone on
    # the machine can list arguments. No artifact proxy: runs name files under the home, which
    # stay readable when no server runs.
    environment = (
        ENVIRONMENT_DEFAULTS
        | LEAN
        | os.environ
        | {
            "MLFLOW_BACKEND_STORE_URI": store,
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": str(artifact_root()),
            "PYTHONSAFEPATH": "1",  # or a folder `mlflow` in the current one might be imported
        }
    )
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    command += ["--workers", "1", "--no-serve-artifacts"]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Its own group: Ctrl-C then reaches only this command, which ends the whole group.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask all processes of the group to end, and make those that do not."""
    # A second Ctrl-C must not leave processes behind; this takes seconds at most.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    deadline = time.monotonic() + SECONDS_TO_STOP
    asked = _signal_group(process.pid, signal.SIGTERM)
    while asked and time.monotonic() < deadline:
        process.poll()  # reaps the leader, which would count as alive otherwise
        asked = _signal_group(process.pid, 0)
        time.sleep(0.05)
    if asked:
        _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group (0 only asks); False when nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _check_port(host: str, port: int) -> None:
    where = "mmatune server"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # As the server itself does: a port whose last connections are closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror:
        raise InputError(f"there is no address {host!r}", where=where, hint="see --host") from None
    except OSError as error:
        import errno

        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} is in use",
                where=where,
                hint=f"stop what uses it, or choose another: `mmatune server --port {port + 1}`",
            ) from None
        raise InputError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            where=where,
            hint="choose another --host or --port",
        ) from None


def _wait_until_healthy(process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
    import requests

    # A server on all addresses is asked on the loopback one.
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    url = f"http://{f'[{asked}]' if ':' in asked else asked}:{port}/health"
    deadline = time.monotonic() + SECONDS_TO_START
    session = requests.Session()
    session.trust_env = False  # a proxy would be asked for this machine's own address
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if session.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    problem = "did not start" if process.poll() is not None else "does not answer"
    raise InputError(f"the MLflow server {problem}", where=str(log), hint=_tail(log))


def _tail(log: Path) -> str:
    """The last line of the log that says something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "the log is empty")
