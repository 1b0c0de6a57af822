"""Homes that tests of studies share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def warm_ray() -> Iterator[None]:
    """One Ray runtime for all studies that the module's tests run in their own process.

    To start one costs several seconds of processor, and so does the first task of its workers. For
    tests that are about neither.
    """
    import ray

    start, end = ray.init, ray.shutdown

    def start_once(**options: Any) -> None:
        assert options["address"] == "local"
        if not ray.is_initialized():
            start(**options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # of its workers
        patch.setattr(ray, "init", start_once)
        patch.setattr(ray, "shutdown", lambda: None)
        yield
    end()


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
