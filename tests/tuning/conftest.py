"""Baselines, measured once for all studies on the demo data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from model.baselines.registry import BASELINES
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from tuning.search.baseline_cache import cached_evaluation


@pytest.fixture(scope="session")
def measured_baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to copy into a home: what a study with seed 0 would measure for half a minute."""
    folder = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(folder))
        folds = development_folds(demo(), HONEST, 0)
        for name in BASELINES:
            cached_evaluation(name, demo(), HONEST.name, 0, folds)
    return folder


@pytest.fixture
def measured_home(home: Path, measured_baselines: Path) -> Path:
    """The test's home, with the baselines of the demo data in it."""
    shutil.copytree(measured_baselines, home, dirs_exist_ok=True)
    return home
