"""Where checkpoints go, and that a folder only one machine sees is refused."""

import os
from pathlib import Path

import pytest

from model.errors import InputError
from tuning.cluster.session import Resources, ray_address, ray_session
from tuning.cluster.shared_storage import check_shared, look, study_storage


def test_the_storage_of_a_study(home: Path) -> None:
    assert study_storage("first", None) == str(home / "studies" / "first")
    assert study_storage("first", "/shared/") == "/shared/first"
    assert study_storage("first", "s3://bucket/a") == "s3://bucket/a/first"
    address = "s3://bucket?scheme=http&endpoint_override=127.0.0.1:9000"
    assert study_storage("first", address) == address.replace("bucket", "bucket/first")


@pytest.mark.parametrize(
    ("storage", "part"), [("checkpoints", "absolute"), ("s3://KEY:hunter2@bucket/a", "password")]
)
def test_a_storage_that_cannot_be_shared_or_shows_a_password(storage: str, part: str) -> None:
    with pytest.raises(InputError, match=part) as caught:
        study_storage("first", storage)
    assert "hunter2" not in str(caught.value)


def test_an_address_that_dies_with_its_connection_is_refused() -> None:
    with pytest.raises(InputError, match="die with the connection"):
        ray_address("ray://head:10001")


def test_a_worker_looks_for_what_the_driver_wrote(tmp_path: Path) -> None:
    assert "does not see" in look(str(tmp_path), "token", "node")
    (tmp_path / "token").write_text("token")
    assert look(str(tmp_path), "token", "node") == ""
    assert (tmp_path / "token-node").is_file()


@pytest.mark.ray
def test_every_machine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/proc/self/cwd` is another folder for each process: a folder that is not shared."""
    resources = Resources(cpus=1.0, gpus=0.0, at_once=1)
    shared = tmp_path / "shared"
    with ray_session("local"):
        check_shared(str(shared), resources)
        assert list(shared.iterdir()) == [], "nothing is left in the folder"
        monkeypatch.chdir(shared)
        with pytest.raises(InputError, match="not the same on every machine"):
            check_shared("/proc/self/cwd", resources)
    assert os.listdir(shared) == []


def test_a_storage_that_cannot_be_written_to(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="cannot be written to"):
        check_shared(str(file / "study"), Resources(cpus=1.0, gpus=0.0, at_once=1))
    with pytest.raises(InputError, match="cannot be written to"):
        check_shared("gopher://old/study", Resources(cpus=1.0, gpus=0.0, at_once=1))
