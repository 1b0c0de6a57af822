"""Homes that tests of studies share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def measured_home(store: Path, measured_baselines: Path) -> Path:
    """The test's home, with MLflow's database and the baselines of the demo data in it."""
    shutil.copytree(measured_baselines / "baselines", store / "baselines")
    return store
