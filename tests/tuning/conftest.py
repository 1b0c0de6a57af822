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


@pytest.fixture
def brief(tmp_path: Path) -> tuple[str, ...]:
    """Options of `tune` for a study of one trial that is over in seconds."""
    space = tmp_path / "space.yaml"
    space.write_text(
        "description: brief\nschedule: {report_every: 5, first_rung: 10}\n"
        "fixed: {encoder.layers: 1, encoder.out_dim: 16, training.epochs: 10}\n"
        "search: {encoder.dropout: {type: float, low: 0.1, high: 0.5}}\n"
    )
    return "--space", str(space), "--trials", "1"
