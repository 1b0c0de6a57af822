"""From a search to a pulled model, on the team's server and on the embedded store alike.

On the embedded store it is `slow`: other tests do all of it there, but for the pages.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from typer.testing import CliRunner

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.deployment.browser import Window, window
from tests.deployment.conftest import Server, embedded_server, from_debian
from tuning.plan import StudyPlan

SPACE = {
    "description": "a small one, with a trial that diverges",
    # No rung below the full budget: which of two good trials ASHA stops depends on who comes first.
    "schedule": {"report_every": 10, "first_rung": 30},
    "fixed": {"encoder.layers": 1, "encoder.norm": "none", "training.epochs": 30},
    "search": {
        "training.learning_rate": {"type": "choice", "choices": [0.01, 1e30]},
        "mask.rate": {"type": "float", "low": 0.1, "high": 0.5},
    },
    "start_with": [
        {"training.learning_rate": rate, "mask.rate": mask}
        for rate, mask in ((0.01, 0.2), (1e30, 0.2), (0.01, 0.4))
    ],
}
pytestmark = pytest.mark.heavy

USER = {"username": "ada", "password": "ada-secret-5-long"}
ON_THE_SERVER = pytest.mark.parametrize("tracked", ["deployed"], indirect=True)
READER = {"username": "ben", "password": "ben-secret-6-long"}


@pytest.fixture(scope="module")
def server(deployed: Server) -> Iterator[Server]:
    """It runs, and has two users beside its administrator."""
    with deployed.running():
        for user in (USER, READER):
            made = deployed.admin("user", user["username"], said=user["password"] + "\n")
            assert made.returncode == 0, made.stderr
        yield deployed


@pytest.fixture(
    scope="module", params=["deployed", pytest.param("embedded", marks=pytest.mark.slow)]
)
def tracked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Server | None]]:
    """A home, the server that tracks its studies, and one study in it."""
    import tuning.study

    home = tmp_path_factory.mktemp(f"home-{request.param}")
    server = request.getfixturevalue("server") if request.param == "deployed" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(home))
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        track(patch, server)
        one = {"additive degree": tuning.study.BASELINES["additive degree"]}
        patch.setattr(tuning.study, "BASELINES", one)
        space = SearchSpace.model_validate(SPACE)
        result = tuning.study.run_study(StudyPlan("first", demo(), HONEST, "test", space, 3))
        assert result.registration is not None
        yield home, server


def track(patch: pytest.MonkeyPatch, server: Server | None) -> None:
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if server:
        patch.setenv("MLFLOW_TRACKING_URI", server.url)
        patch.setenv("MLFLOW_TRACKING_USERNAME", USER["username"])
        patch.setenv("MLFLOW_TRACKING_PASSWORD", USER["password"])


@pytest.fixture
def mmatune(tracked: tuple[Path, Server | None], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, with the study at hand; its answer from stdout."""
    home, server = tracked
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    track(monkeypatch, server)
    from tuning.cli import command_line

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(command_line(), [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def test_runs_have_their_endings_and_whole_curves(mmatune: Any) -> None:
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import runs_of

    client = mlflow_client()
    experiment = client.get_experiment_by_name("first").experiment_id
    runs = runs_of(client, experiment, "tags.kind = 'trial'")
    ended = {run.info.run_name: (run.info.status, run.data.tags["status"]) for run in runs}
    assert ended["trial-001"] == ("FINISHED", "finished")
    assert ended["trial-002"] == ("FAILED", "failed")
    assert len(ended) == 3
    first = next(run for run in runs if run.info.run_name == "trial-001")
    curve = client.get_metric_history(first.info.run_id, "auc")
    assert [point.step for point in curve] == [10, 20, 30]
    kept = {one.path for one in client.list_artifacts(first.info.run_id, "checkpoint")}
    assert "checkpoint/out_of_fold.safetensors" in kept
    assert len(kept) == 2
    assert all(path.endswith(".safetensors") for path in kept)


def test_the_study_shows_its_best_so_far_and_what_there_is_to_beat(mmatune: Any) -> None:
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import runs_of

    client = mlflow_client()
    experiment = client.get_experiment_by_name("first").experiment_id
    (study,) = runs_of(client, experiment, "tags.kind = 'study'")
    rows = mmatune("study", "show", "first")["rows"]
    (first, second) = (row["auc"] for row in rows if row["kind"] == "trial")
    assert first > second
    curve = client.get_metric_history(study.info.run_id, "best_auc")
    values = [point.value for point in curve]  # none before the first trial with a score has ended
    assert values == sorted(values)
    assert values[-1] == first
    assert set(values) <= {first, second}
    (baseline,) = (row["auc"] for row in rows if row["kind"] == "baseline")
    assert study.data.metrics["baseline_auc"] == baseline


def test_the_study_is_listed_and_shown(mmatune: Any) -> None:
    (row,) = mmatune("study", "list")
    assert (row["name"], row["status"], row["trials"]) == ("first", "finished", 3)
    rows = mmatune("study", "show", "first")["rows"]
    assert {row["kind"] for row in rows} - {"ensemble"} == {"trial", "baseline"}
    assert row["best_auc"] == max(row["auc"] for row in rows if row["kind"] == "trial")


def test_it_is_reported(mmatune: Any, tmp_path: Path) -> None:
    mmatune("report", "first", "--out", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text()
    assert "trial-001" in page
    # It opens offline: an address may be followed by a click, but none is loaded.
    assert re.findall(r"""<link |src=["']?http|url\(["']?http|import ["']http""", page) == []


def test_its_model_is_pulled_and_scores(mmatune: Any, tmp_path: Path) -> None:
    import mlflow.pyfunc

    (model,) = mmatune("model", "list")
    assert model["name"] == "demo"
    mmatune("pull", "demo@champion", "--to", str(tmp_path / "model"))
    asked = pd.DataFrame({"small_molecule": [demo().columns[0]]})
    answer = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(asked, {"top": 3})
    assert answer["probability"].between(0, 1).all()
    assert len(answer) == 3


def test_a_trial_is_repeated_to_the_last_bit(mmatune: Any) -> None:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as on a worker
    try:
        assert mmatune("train", "--from-run", "first/trial-001")["identical"] is True
    finally:
        torch.set_num_threads(threads)


def test_who_has_no_password_is_refused(server: Server) -> None:
    search = f"{server.url}/api/2.0/mlflow/experiments/search"
    ask = {"max_results": 5}
    assert requests.get(f"{server.url}/health", timeout=120).ok
    assert requests.post(search, json=ask, timeout=120).status_code == 401
    wrong = (USER["username"], "wrong")
    assert requests.post(search, json=ask, auth=wrong, timeout=120).status_code == 401


def test_a_foreign_name_of_the_server_is_refused(server: Server) -> None:
    search = f"{server.url}/api/2.0/mlflow/experiments/search"
    answer = requests.post(
        search,
        json={},
        headers={"Host": "evil.example.org"},
        auth=tuple(READER.values()),
        timeout=120,
    )
    assert answer.status_code == 403


def test_a_user_gets_another_password(server: Server) -> None:
    assert server.admin("user", "cy", said="first-secret-7\n").returncode == 0
    again = server.admin("user", "cy", said="first-secret-7\n")
    assert (again.returncode, "already" in again.stderr) == (1, True), again.stderr
    assert server.admin("password", "cy", said="second-secret-8\n").returncode == 0
    ask = {"url": f"{server.url}/api/2.0/mlflow/experiments/search", "json": {"max_results": 5}}
    assert requests.post(**ask, auth=("cy", "second-secret-8"), timeout=120).ok
    assert requests.post(**ask, auth=("cy", "first-secret-7"), timeout=120).status_code == 401


@ON_THE_SERVER
def test_who_was_given_nothing_reads_and_does_not_write(tracked: Any) -> None:
    _, server = tracked
    api, reader = f"{server.url}/api/2.0/mlflow", tuple(READER.values())
    found = requests.get(
        f"{api}/experiments/get-by-name",
        params={"experiment_name": "first"},
        auth=reader,
        timeout=120,
    )
    assert found.ok
    experiment = found.json()["experiment"]["experiment_id"]
    tag = {"experiment_id": experiment, "key": "read_by", "value": "ben"}

    def write() -> int:
        url = f"{api}/experiments/set-experiment-tag"
        return requests.post(url, json=tag, auth=reader, timeout=120).status_code

    assert write() == 403
    granted = server.admin("grant", READER["username"], "experiment", experiment, "EDIT")
    assert granted.returncode == 0, granted.stderr
    assert write() == 200


@ON_THE_SERVER
def test_a_model_of_somebody_else_takes_a_version_once_that_is_granted(
    tracked: Any, mmatune: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two members of a team who search on the same data."""
    from model.errors import InputError
    from model.evaluation.calibration import Calibration
    from tuning.record.client import mlflow_client
    from tuning.registry.model_card import ModelCard
    from tuning.registry.versions import register

    _, server = tracked
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", READER["username"])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", READER["password"])
    client = mlflow_client()
    run = client.create_run(client.create_experiment("second")).info.run_id
    dataset = demo()
    scores = np.full(dataset.associations.shape, 0.5)
    calibration = Calibration(1.0, -4.0, 0.01, None)
    card = ModelCard("demo", "second", HONEST, 0.8, 0.01, "For a test.", {}, calibration)
    with pytest.raises(InputError, match="may not add a version"):
        register(run, dataset, scores, card)
    granted = server.admin("grant", READER["username"], "registered_model", "demo", "EDIT")
    assert granted.returncode == 0, granted.stderr
    registered = register(run, dataset, scores, card)
    assert (registered.version, registered.is_champion) == (2, False)
    client.set_registered_model_alias("demo", "bens", "2")


@pytest.fixture
def browser(tracked: Any) -> Iterator[Window]:
    """What somebody who may only read sees, and no script of a page fails."""
    from_debian("chromium", "chromium")
    home, server = tracked
    reader = READER if server else None
    with (
        nullcontext(server.url) if server else embedded_server(home) as url,
        window(url, reader) as shown,
    ):
        yield shown
        assert shown.faults == []


def test_the_pages_show_a_study_without_set_up(mmatune: Any, browser: Window) -> None:
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import runs_of
    from tuning.record.views import LEADERBOARD, TRIALS, view_path

    client = mlflow_client()
    experiment = client.get_experiment_by_name("first").experiment_id
    (study,) = runs_of(client, experiment, "tags.kind = 'study'")
    best = [row["name"] for row in mmatune("study", "show", "first")["rows"]]

    browser.open(view_path(experiment, LEADERBOARD))
    browser.sees("auc_sd")
    assert browser.names() == best
    browser.sees("training.learning_rate")

    browser.open(view_path(experiment, TRIALS))
    browser.sees("auc_sd")
    assert sorted(browser.names()) == ["trial-001", "trial-002", "trial-003"]

    browser.open(view_path(experiment, LEADERBOARD, charts=True))
    browser.sees("Searched parameters")
    axes = browser.page.locator(".parcoords g.dimension")
    axes.filter(has_text="mask.rate").wait_for()
    assert axes.count() == 3
    assert browser.painted(".parcoords canvas.foreground")
    browser.page.mouse.move(900, 600)
    browser.page.mouse.wheel(0, 700)
    browser.page.locator(".js-plotly-plot .scatterlayer .trace").first.wait_for()

    browser.open(f"#/experiments/{experiment}/runs/{study.info.run_id}")
    browser.sees("What chosen_auc says.")
    pair = browser.page.get_by_role("link", name=re.compile("trial-.* beside trial-"))
    pair.click(trial=True)  # it can be reached: nothing lies over it
    browser.open(pair.get_attribute("href"))
    browser.sees("Comparing 2 Runs from 1 Experiment")
    for name in ("trial-001", "trial-003"):
        browser.sees(name)
    browser.page.locator(".js-plotly-plot .parcoords").first.wait_for()

    browser.open(f"#/experiments/{experiment}/runs/{study.info.run_id}/artifacts")
    for name in ("folds.json", "leaderboard.json", "protocol.json", "search_space.json"):
        browser.sees(name)
    browser.page.get_by_text("report.html").first.click()
    browser.page.frame_locator("iframe").get_by_text("Development folds").first.wait_for()

    browser.open("#/models/demo/versions/1")
    for text in ("champion", "What it is.", "It has not been confirmed"):
        browser.sees(text)


@ON_THE_SERVER
def test_no_secret_is_in_any_file_log_or_argument(tracked: Any) -> None:
    home, server = tracked
    secrets = [*server.secrets, USER["password"], READER["password"]]
    texts = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    texts["server's log"] = server.log.read_bytes()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            texts[str(process)] = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it ended
    found = [
        (where, secret)
        for where, text in texts.items()
        for secret in secrets
        if secret.encode() in text
    ]
    assert found == []


def test_the_store_is_backed_up_restored_upgraded_and_cleaned(
    deployed: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the databases were, they are again; tables of an older MLflow become today's."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    monkeypatch.setenv(
        "MLFLOW_TRACKING_PASSWORD", deployed.environment["MLFLOW_AUTH_ADMIN_PASSWORD"]
    )
    client = MlflowClient(deployed.url)

    def succeeds(*arguments: str) -> None:
        done = deployed.admin(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    run = client.create_run(client.create_experiment("kept")).info.run_id
    client.log_text(run, "hello", "note.txt")
    client.log_metric(run, "auc", 0.75, step=3)
    gone = client.create_run(client.get_run(run).info.experiment_id).info.run_id
    client.log_text(gone, "bye", "note.txt")
    client.delete_run(gone)
    succeeds("gc", "0d")
    deleted = client.search_runs([client.get_run(run).info.experiment_id], run_view_type=2)
    assert deleted == []
    succeeds("backup", str(tmp_path / "copy"))
    client.log_metric(run, "auc", 0.25, step=4)

    # What came after the copy was made goes with the databases.
    sql = "DROP DATABASE mmatune WITH (FORCE); DROP DATABASE mmatune_auth WITH (FORCE)"

    def drop() -> None:
        for statement in sql.split("; "):
            run_sql(deployed, "postgres", statement)

    drop()
    succeeds("create")
    revisions = make_older_tables(deployed)
    assert run_sql(deployed, "mmatune", "SELECT version_num FROM alembic_version") == revisions[0]
    succeeds("upgrade")
    assert run_sql(deployed, "mmatune", "SELECT version_num FROM alembic_version") == revisions[1]
    assert run_sql(deployed, "mmatune_auth", "SELECT count(*) FROM users") == "0"
    drop()
    succeeds("restore", str(tmp_path / "copy"))
    history = client.get_metric_history(run, "auc")
    assert [(point.step, point.value) for point in history] == [(3, 0.75)]
    path = client.download_artifacts(run, "note.txt", str(tmp_path))
    assert Path(path).read_text() == "hello"


def run_sql(deployed: Server, database: str, statement: str) -> str:
    command = ["psql", "-qtA", "-v", "ON_ERROR_STOP=1", "-c", statement, database]
    done = subprocess.run(
        command, env=deployed.environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


OLDER = """
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base

url = "postgresql+psycopg2:///mmatune"
engine = sqlalchemy.create_engine(url)
Base.metadata.create_all(engine)
config = _get_alembic_config(url)
newest = ScriptDirectory.from_config(config).get_revision("head")
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, newest.down_revision)
print(newest.down_revision, newest.revision)
"""


def make_older_tables(deployed: Server) -> list[str]:
    """The tables as MLflow had them before its last change; that revision and the newest one."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", OLDER],
        env=deployed.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("arguments", [(), ("restore",), ("destroy", "x")])
def test_admin_without_a_task_says_what_there_is(arguments: tuple[str, ...]) -> None:
    script = Path(__file__).resolve().parents[2] / "mlflow" / "admin.sh"
    done = subprocess.run([str(script), *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert "admin.sh backup FOLDER" in done.stderr
