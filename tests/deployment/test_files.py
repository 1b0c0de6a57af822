"""What ships in mlflow/ beside the scripts agrees with them."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from tests.deployment.conftest import from_debian

FOLDER = Path(__file__).resolve().parents[2] / "mlflow"
EXAMPLE = (FOLDER / "server.env.example").read_text()
NAMES = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.M))


def test_every_setting_that_is_read_is_in_the_example_and_the_other_way_round() -> None:
    read = set()
    for name in ("serve.sh", "admin.sh", "compose.yaml"):
        read |= set(re.findall(r"\$\{?([A-Z][A-Z0-9_]+)", (FOLDER / name).read_text()))
    ours = {name for name in NAMES if name.startswith("MMATUNE_")}
    assert read - {"PYTHON", "PWD", "POSTGRES_USER"} <= NAMES
    assert ours <= read


def test_nothing_that_is_secret_has_a_value() -> None:
    for name, value in re.findall(r"^(\w*(?:PASSWORD|SECRET|KEY)\w*)=(.*)$", EXAMPLE, re.M):
        assert "FILL IN" in value, name


def test_the_containers_are_reached_from_this_machine_alone() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert services["server"]["command"][-1].endswith("/mmatune/mlflow/serve.sh")
    assert all(":" in service["image"] for service in services.values()), "a version"


def test_the_unit_runs_the_script_with_the_settings() -> None:
    unit = ConfigParser(interpolation=None, strict=False)
    unit.read(FOLDER / "mmatune-mlflow.service")
    assert unit["Service"]["ExecStart"].endswith("mlflow/serve.sh")
    assert unit["Service"]["EnvironmentFile"].endswith("server.env")
    assert (FOLDER / "serve.sh").stat().st_mode & 0o111


@pytest.mark.heavy
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    from_debian("systemd", "systemd-analyze")
    text = (FOLDER / "mmatune-mlflow.service").read_text()

    def said_of(text: str) -> str:
        unit = tmp_path / "mmatune-mlflow.service"
        # As if the project were in /opt/mmatune, and the user there.
        unit.write_text(text.replace("/opt/mmatune/mlflow", str(FOLDER)))
        command = ["systemd-analyze", "verify", "--man=no", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True)
        return (done.stdout + done.stderr).strip()

    assert said_of(text) == ""
    assert "Restrat" in said_of(text.replace("Restart=", "Restrat="))


@pytest.mark.heavy
def test_compose_takes_the_file(tmp_path: Path) -> None:
    from_debian("docker-compose", "docker-compose")
    mlflow = tmp_path / "mlflow"
    mlflow.mkdir()
    shutil.copy(FOLDER / "server.env.example", mlflow / "server.env")

    def config_of(text: str) -> subprocess.CompletedProcess[str]:
        (mlflow / "compose.yaml").write_text(text)
        command = ["docker-compose", "--env-file", "server.env", "config"]
        return subprocess.run(command, cwd=mlflow, capture_output=True, text=True)

    text = (FOLDER / "compose.yaml").read_text()
    done = config_of(text)
    assert done.returncode == 0, done.stderr
    server = yaml.safe_load(done.stdout)["services"]["server"]["environment"]
    assert (server["PGHOST"], server["MMATUNE_SERVER_HOST"]) == ("postgres", "0.0.0.0")
    assert server["PGUSER"] == "mmatune"
    assert config_of(text.replace("restart: always", "restrat: always")).returncode != 0
