"""Fixtures that several test files share."""

from pathlib import Path

import pytest

from tests.reliability import pytest_addoption, pytest_configure  # noqa: F401

# Checks that tests share say what they found, as those of the test files do.
pytest.register_assert_rewrite("tests.contracts", "tests.tuning.survival", "tests.lab.studies")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the authors' files; absent outside the project's own machines."""
    if not (SHARED_DATA / "dataset2").is_dir():
        pytest.skip(f"the real data sets are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture
def incomplete_data(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two published data sets, of which dataset1 lacks its small-molecule similarity."""
    data_dir = tmp_path_factory.mktemp("incomplete")
    for name in ("dataset1", "dataset2"):
        (data_dir / name).mkdir(parents=True)
        for file in (shared_data / name).iterdir():
            (data_dir / name / file.name).symlink_to(file)
    (data_dir / "dataset1" / "SM_feature.txt").unlink()
    return data_dir


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own for every test, so that none sees or changes the user's."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MMATUNE_HOME", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder
