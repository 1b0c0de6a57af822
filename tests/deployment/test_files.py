"""What ships in mlflow/ beside the scripts agrees with them."""

import re
from configparser import ConfigParser
from pathlib import Path

import yaml

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
