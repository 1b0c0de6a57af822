"""Whether Ray can be joined or started is known in seconds, before a study exists."""

import os
import socket
from pathlib import Path

import pytest

from model.errors import InputError
from tests.tuning.commands_run import run_mmatune
from tuning.cluster.session import check_ray
from tuning.record.identity import identify


@pytest.mark.survives(
    "`RAY_ADDRESS` names a cluster that is gone",
    "one line says so within seconds, and no study is begun",
)
def test_an_address_where_nobody_listens(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free.getsockname()[1]}")
    code, _, stderr = run_mmatune(capsys, "tune", "demo", "--trials", 1, "--name", "none")
    assert code == 2
    assert "RAY_ADDRESS: no Ray cluster answers at 127.0.0.1" in stderr
    assert not identify("none")


def test_an_address_where_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        check_ray(f"127.0.0.1:{listener.getsockname()[1]}")


@pytest.mark.parametrize("address", ["nowhere", "host:", ":6379", "host:port"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match="is no address of a Ray cluster"):
        check_ray(address)


@pytest.mark.survives(
    "the temporary folder's name is too long for Ray's sockets",
    "Ray's session goes to `/tmp`; a `RAY_TMPDIR` of one's own that is too long is refused at once",
)
def test_a_long_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/" + "a" * 36)
    check_ray()
    assert "RAY_TMPDIR" not in os.environ
    monkeypatch.setenv("TMPDIR", "/" + "a" * 37)
    check_ray()
    assert os.environ["RAY_TMPDIR"] == "/tmp"
    monkeypatch.setenv("RAY_TMPDIR", "/" + "a" * 37)
    with pytest.raises(InputError, match="too long") as refused:
        check_ray()
    assert refused.value.where == "RAY_TMPDIR"
