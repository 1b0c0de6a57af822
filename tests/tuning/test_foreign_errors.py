"""What libraries and the operating system raise ends in one line, with the traceback in a file."""

import errno
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.tuning.commands_run import COMMAND, run_mmatune
from tuning.foreign_errors import explain, fault, hide_password_in_text
from tuning.home import optuna_storage_url
from tuning.loopback import bypass_proxies_on_loopback, is_loopback, proxy_of
from tuning.record.client import mlflow_client


def halve(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def garble(file: Path) -> None:
    file.write_bytes(os.urandom(4096))


def make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def lose_a_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as opened, opened:
        (name,) = opened.execute(
            "SELECT name FROM sqlite_master WHERE name IN ('experiments', 'studies')"
        ).fetchone()
        opened.execute(f"DROP TABLE {name}")


def make_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = 'of the future'")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "halved": halve,
    "garbled": garble,
    "a folder": make_folder,
    "without a table": lose_a_table,
    "of a newer schema": make_newer,
}


SHOW, TUNE = ("study", "show", "none"), ("tune", "demo", "--name", "new", "--trials", "1")
# To show a study Optuna's database is not read, so only its first bytes are looked at; a table that
# it lacks Optuna makes anew.
DAMAGED = [
    *((command, "mlflow.db", damage) for command in (SHOW, TUNE) for damage in DAMAGE),
    *((SHOW, "optuna.db", damage) for damage in ("garbled", "a folder")),
    *((TUNE, "optuna.db", damage) for damage in DAMAGE if damage != "without a table"),
]


@pytest.mark.parametrize(("command", "name", "damage"), DAMAGED, ids=str)
@pytest.mark.survives(
    "a database of the home is damaged, lost in part, or of a newer version",
    "one line names the file and what to do; the traceback is kept in a file",
)
def test_a_damaged_database_is_named(
    name: str,
    damage: str,
    command: tuple[str, ...],
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import optuna

    # What is damaged later in a study than its first look at all databases is another test.
    monkeypatch.setattr("tuning.study._search_and_register", lambda *arguments: 1 / 0)
    # Made elsewhere: what this process has open would be read on, whatever becomes of the file.
    monkeypatch.setenv("MMATUNE_HOME", str(tmp_path))
    mlflow_client()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(study_name="old", storage=optuna_storage_url())
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    for file in ("mlflow.db", "optuna.db"):
        shutil.copy(tmp_path / file, home)
    DAMAGE[damage](home / name)
    code, stdout, stderr = run_mmatune(capsys, *command)
    assert code == 2, stderr
    (line,) = (line for line in stderr.splitlines() if line.startswith("error: "))
    assert name in line
    assert "Traceback" not in stdout + stderr


def test_the_traceback_is_in_a_file_without_passwords_and_debug_shows_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def refuse() -> None:
        raise MlflowException("cannot reach postgresql://user:s3cr3t@host/db")

    monkeypatch.setattr("tuning.record.study_list.mlflow_client", refuse)
    code, _, stderr = run_mmatune(capsys, "study", "list")
    assert code == 2
    error, where = stderr.splitlines()
    assert "MLflow refuses: cannot reach postgresql://***@host/db" in error
    kept = Path(where.removeprefix("the whole traceback: ")).read_text()
    assert kept.startswith("Traceback")
    assert "s3cr3t" not in kept + stderr
    monkeypatch.setattr(sys, "argv", ["mmatune", "study", "list", "--debug"])
    from tuning.cli import main

    with pytest.raises(MlflowException):
        main()


def test_a_fault_of_our_own_is_one_line_and_another_exit_code(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.record.study_list.mlflow_client", lambda: 1 / 0)
    code, stdout, stderr = run_mmatune(capsys, "study", "list", "--json")
    assert code == 1
    assert "a fault of mmatune: ZeroDivisionError" in json.loads(stdout)["error"]["message"]
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y: Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "the operating system: Input/output error"),
    ],
)
def test_the_operating_system(error: OSError, said: str) -> None:
    found = explain(error)
    assert found is not None
    assert str(found).startswith(said)


def test_what_nobody_knows_is_a_fault() -> None:
    assert explain(KeyError("x")) is None
    assert "KeyError: 'x'" in str(fault(KeyError("x")))


def test_addresses_in_a_text() -> None:
    text = "see postgresql://u:a/b@h/db and http://h:1/p"
    assert hide_password_in_text(text) == "see postgresql://***@h/db and http://h:1/p"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a proxy that answers 503 to everything."""

    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

        do_POST = do_CONNECT = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Refuses)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield address
    server.shutdown()
    server.server_close()


def test_loopback_goes_past_a_proxy(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of("http://127.0.0.1:5999") == proxy
    bypass_proxies_on_loopback()
    assert proxy_of("http://127.0.0.1:5999") == ""
    assert proxy_of("http://[::1]:5999") == ""
    assert proxy_of("http://server.example:5999") == proxy
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name)


@pytest.mark.heavy
@pytest.mark.survives(
    "a proxy stands between this machine and everything, and refuses",
    "loopback goes past it; for a server elsewhere the line names the proxy",
)
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:{free}", "no MLflow server answers at http://127.0.0.1"),
        ("http://server.example:5000", "through the proxy {proxy}"),
    ],
)
def test_a_refusing_proxy(address: str, said: str, proxy: str, home: Path, free_port: int) -> None:
    address = address.format(free=free_port)
    ended = subprocess.run(
        [*COMMAND, "study", "list"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "MLFLOW_TRACKING_URI": address,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        },
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert said.format(proxy=proxy) in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def open_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that others may enter: every session of pytest that starts closes its folder again."""
    with tempfile.TemporaryDirectory(prefix="mmatune-open-") as own:
        monkeypatch.setenv("MMATUNE_HOME", own)
        yield Path(own)


@pytest.mark.heavy
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, to be another user")
@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.survives(
    "a home may only be read, such as a colleague's",
    "`study list` reads it, and writes nothing",
)
def test_a_home_that_may_only_be_read_is_read(open_home: Path) -> None:
    home = open_home
    tags = {"study": "theirs", "dataset": "demo", "protocol": "honest"}
    mlflow_client().create_experiment("theirs", tags=tags)
    for path in (home, *home.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    ended = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *COMMAND, "study", "list"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert ended.returncode == 0, ended.stderr
    assert "theirs" in ended.stderr


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.7", False),
        ("server.example", False),
    ],
)
def test_who_listens_beyond_loopback(host: str, is_ours: bool) -> None:
    assert is_loopback(host) == is_ours


@pytest.mark.ray
@pytest.mark.survives(
    "something fails after the search: the training of the winner, the registry",
    "the leaderboard is shown, the line says what, and `tune --resume` goes on from there",
)
def test_a_late_failure_shows_the_leaderboard_and_can_be_gone_on_with(
    brief: tuple[str, ...],
    measured_home: Path,
    warm_ray: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tuning.study.train_to_register", lambda *arguments: 1 / 0)
        code, _, stderr = run_mmatune(capsys, "tune", "demo", *brief, "--name", "late")
    assert code == 1
    assert "trial-001" in stderr
    assert "a fault of mmatune: ZeroDivisionError" in stderr
    assert "--name late --resume" in stderr
    code, stdout, stderr = run_mmatune(
        capsys, "tune", "demo", "--name", "late", "--resume", "--json"
    )
    assert code == 0, stderr
    assert json.loads(stdout)["model"]["version"] == 1
