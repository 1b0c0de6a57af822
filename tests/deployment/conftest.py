"""The team's server as `mlflow/` ships it: real PostgreSQL, an S3 server by moto, serve.sh."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.tuning.commands_run import COMMAND

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534  # PostgreSQL refuses to run as root


@dataclass
class Server:
    """A tracking server: its address, and its environment from the filled-in server.env.example."""

    url: str
    environment: dict[str, str]
    log: Path

    @property
    def secrets(self) -> list[str]:
        names = ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD")
        return [self.environment[name] for name in (*names, "MLFLOW_FLASK_SERVER_SECRET_KEY")]

    def admin(self, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run `mlflow/admin.sh` in that environment, with ``said`` on its stdin."""
        return subprocess.run(
            [str(ROOT / "mlflow" / "admin.sh"), *arguments],
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [str(ROOT / "mlflow" / "serve.sh")],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            while not self._answers():
                assert process.poll() is None, self.log.read_text()[-3000:]
                time.sleep(0.3)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health", timeout=30).ok
        except requests.RequestException:
            return False


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with empty databases and an empty bucket; `running` starts it."""
    moto = pytest.importorskip("moto.server", reason="moto plays S3")
    folder = tmp_path_factory.mktemp("deployed")
    environment = filled_in(folder)
    with postgres(environment):
        s3 = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        s3.start()
        try:
            host, port = s3.get_host_and_port()
            environment["MLFLOW_S3_ENDPOINT_URL"] = f"http://{host}:{port}"
            make_bucket(environment)
            url = f"http://127.0.0.1:{environment['MMATUNE_SERVER_PORT']}"
            server = Server(url, environment, folder / "server.log")
            created = server.admin("create")
            assert created.returncode == 0, created.stderr
            yield server
        finally:
            s3.stop()


def filled_in(folder: Path) -> dict[str, str]:
    """The settings of server.env.example, with values as a user would set them."""
    port = free_port()
    put = {
        "PGPORT": str(free_port()),
        "PGPASSWORD": "pg-secret-1",
        "MMATUNE_ARTIFACTS": "s3://mmatune-test/mlflow",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-2",
        "MLFLOW_AUTH_ADMIN_PASSWORD": "admin-secret-3",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "flask-secret-4",
        "MMATUNE_SERVER_PORT": str(port),
        "MMATUNE_SERVER_NAMES": f"127.0.0.1:{port}",
    }
    found = {}
    for line in (ROOT / "mlflow" / "server.env.example").read_text().splitlines():
        if line and not line.startswith("#"):
            name, value = shlex.split(line)[0].split("=", 1)
            found[name] = put.pop(name, value)
    assert not put, f"server.env.example has no {put}"
    assert not [value for value in found.values() if "FILL" in value]
    keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    keep["PATH"] = with_postgres(keep["PATH"])
    return {**keep, **found, "HOME": str(folder), "PYTHON": sys.executable}


def from_debian(package: str, *programs: str, path: str | None = None) -> None:
    """Install a Debian package if its programs are missing; skip, saying why, where that fails."""
    missing = [program for program in programs if not shutil.which(program, path=path)]
    if not missing:
        return
    wanted = f"no {', '.join(missing)} (Debian: {package})"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(f"{wanted}, and only root can install it, with apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=120", *arguments],
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            pytest.skip(
                f"{wanted}, and `apt-get {arguments[0]}` failed: {said[-1] if said else ''}"
            )


def with_postgres(path: str) -> str:
    """The search path and PostgreSQL's folder, which Debian keeps off the path."""

    def found() -> str:
        return os.pathsep.join([path, *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])

    from_debian("postgresql", "initdb", "postgres", "pg_dump", path=found())
    return found()


@contextmanager
def postgres(environment: dict[str, str]) -> Iterator[None]:
    # Not under pytest's folder, which each session that starts makes private to its user again.
    with tempfile.TemporaryDirectory(prefix="mmatune-postgres-") as own:
        yield from _postgres(Path(own), environment)


def _postgres(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    drop: list[str] = []
    data = folder / "data"
    data.mkdir()
    password = folder / "password"
    password.write_text(environment["PGPASSWORD"])
    if os.geteuid() == 0:
        drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        folder.chmod(0o711)
        for owned in (data, password):
            os.chown(owned, NOBODY, NOBODY)
    initdb = ["initdb", "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C"]
    initdb += ["--auth=scram-sha-256", f"--pwfile={password}"]
    done = subprocess.run([*drop, *initdb], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    password.unlink()
    # The user that the README makes: it may create databases and nothing else.
    first = {**environment, "PGUSER": "postgres"}
    user, secret = environment["PGUSER"], environment["PGPASSWORD"]
    role = f"CREATE ROLE {user} LOGIN CREATEDB PASSWORD '{secret}'"
    command = ["postgres", "-D", str(data), "-h", "127.0.0.1", "-k", "", "-F"]
    with (folder / "postgres.log").open("w") as log:
        process = subprocess.Popen(
            [*drop, *command, "-p", environment["PGPORT"]],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        while subprocess.run(
            ["psql", "-qc", role, "postgres"], env=first, capture_output=True
        ).returncode:
            assert process.poll() is None, (folder / "postgres.log").read_text()
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def make_bucket(environment: dict[str, str]) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    ).create_bucket(
        Bucket="mmatune-test",
        CreateBucketConfiguration={"LocationConstraint": environment["AWS_DEFAULT_REGION"]},
    )


@contextmanager
def embedded_server(home: Path) -> Iterator[str]:
    """Run `mmatune server` on the embedded store; yields its address."""
    command = [*COMMAND, "server", "--json"]
    with subprocess.Popen(
        [*command, "--port", str(free_port())],
        env={**os.environ, "MMATUNE_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            yield json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")["url"]
        finally:
            process.terminate()
