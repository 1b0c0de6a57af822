"""Locks of files: held once, never removed, and refused in one line where there are none."""

import errno
import fcntl
import os
from pathlib import Path

import pytest
from filelock import Timeout

from model.errors import InputError
from tests.tuning.commands_run import run_mmatune
from tuning.locks import locked


def test_a_lock_is_held_once_and_its_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locked(path):
        made = path.stat().st_ino
        with pytest.raises(Timeout), locked(path, seconds=0):
            pass
    with locked(path, seconds=0):
        assert path.stat().st_ino == made


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(InputError, match="no locks") as refused, locked(tmp_path / "a.lock"):
        pass
    assert refused.value.where == str(tmp_path)
    assert "MMATUNE_HOME" in refused.value.hint


@pytest.mark.survives(
    "the home is on a file system without locks",
    "one line says so before a study exists, and to set `MMATUNE_HOME` to a local disk",
)
def test_a_command_on_such_a_home_ends_in_one_line(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    code, _, stderr = run_mmatune(capsys, "tune", "demo", "--trials", 1, "--name", "none")
    assert code == 2
    (line,) = stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "no locks" in line
    assert "MMATUNE_HOME" in line
