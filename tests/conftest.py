"""Fixtures that several test files share."""

import fcntl
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

# Before torch and numpy are loaded; commands that a test starts inherit it. Several workers of
# pytest-xdist share the cores: an OpenMP thread that waits there for its peers spins, and with two
# threads a process the tests of the networks cost three to four times their processor seconds.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what it does not wait for (`make test &`) with Ctrl-C ignored. The commands that
# tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from model.baselines.registry import core
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from tests.reliability import pytest_addoption, pytest_configure  # noqa: F401
from tests.tiers import pytest_collection_modifyitems, pytest_runtest_protocol  # noqa: F401
from tuning import home as places
from tuning.record import client
from tuning.search.baseline_cache import cached_evaluation

# Checks that tests share say what they found, as those of the test files do.
pytest.register_assert_rewrite("tests.contracts", "tests.tuning.survival", "tests.lab.studies")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the authors' files; absent outside the project's own machines."""
    if not (SHARED_DATA / "dataset2").is_dir():
        pytest.skip(f"the real data sets are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def measured_baselines(pytestconfig: pytest.Config) -> Path:
    """A home with what a study of the demo data with seed 0 measures of the baselines.

    It takes half a minute. Later sessions find it there; what is measured with other code or other
    libraries has another key, see `baseline_cache`.
    """
    folder = pytestconfig.cache.mkdir("measured-baselines")
    with pytest.MonkeyPatch.context() as patch, (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other workers of pytest-xdist wait, then find it
        patch.setenv("MMATUNE_HOME", str(folder))
        folds = development_folds(demo(), HONEST, 0)
        for name in core():
            cached_evaluation(name, demo(), HONEST.name, 0, folds)
    return folder


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


@pytest.fixture(scope="session", autouse=True)
def _copied_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run MLflow's migrations once, not in every home: they take a second or two of processor.

    Only `mlflow_client` of the tests' own process copies. A command in a process of its own finds
    a store if the test asks for the fixture `store`, else it makes one.
    """
    template = tmp_path_factory.mktemp("template") / "mlflow.db"
    make = client.make_embedded_store

    def copy(database: Path) -> None:
        with client.locked(database.with_name("mlflow.db.lock")):
            if not database.exists():
                draft = shutil.copy(template, database.with_name("mlflow.db.copy"))
                with closing(sqlite3.connect(draft)) as tables, tables:
                    folder = str(places.artifact_root() / "0")
                    tables.execute("UPDATE experiments SET artifact_location = ?", [folder])
                draft.replace(database)

    def copy_or_make() -> None:
        if not template.exists():
            with pytest.MonkeyPatch.context() as elsewhere:
                elsewhere.setenv("MMATUNE_HOME", str(template.parent))
                elsewhere.delenv("MLFLOW_TRACKING_URI", raising=False)
                make()
        database = places.home() / "mlflow.db"
        if places.tracking_uri() == f"sqlite:///{database}":
            with suppress(OSError, sqlite3.Error):  # a disk that is full: let `make` meet it
                copy(database)
        make()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "make_embedded_store", copy_or_make)
        yield


@pytest.fixture
def store(home: Path) -> Path:
    """The test's home with MLflow's database in it, for commands in processes of their own."""
    client.make_embedded_store()
    return home
