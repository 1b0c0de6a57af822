"""What an earlier version recorded and registered still opens.

`tests/recorded/before-the-move.tar.xz` is a home that version 0.1.0 left behind, before its modules
stood in wings: a study of five trials on small data, its confirmation, and two registered models,
with what its commands then printed as JSON. Reports and most checkpoints are left out of it.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model.training.checkpoint import load_checkpoint
from tests.tuning.commands_run import run_mmatune
from tuning.registry.versions import load, resolve

pytestmark = pytest.mark.heavy

ARCHIVE = Path(__file__).parent / "recorded" / "before-the-move.tar.xz"
STUDY = "before-the-move"
_RECORDED_AT = "/srv/mmatune/home"  # where that home was; MLflow writes whole addresses
_ADDRESSES = {
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The unpacked archive, whose home is the one in use."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    home = tmp_path / "home"
    with sqlite3.connect(home / "mlflow.db") as database:
        for table, columns in _ADDRESSES.items():
            for column in columns:
                database.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?)",
                    (_RECORDED_AT, str(home)),
                )
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a command of the service with `--json`; returns its exit code and its document."""

    def call(*arguments: str) -> tuple[int, Any]:
        code, out, _ = run_mmatune(capfd, *arguments, "--json")
        return code, json.loads(out)

    return call


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("study", "list"), "study-list"),
        (("study", "show", STUDY), "study-show"),
        (("model", "list"), "model-list"),
        (("predict", "small/1", "--small-molecule", "demo-sm-01", "--top", "5"), "predict-1"),
        (
            ("predict", "small@champion", "--small-molecule", "demo-sm-01", "--top", "5"),
            "predict-champion",
        ),
    ],
)
def test_commands_print_what_they_printed(
    arguments: tuple[str, ...], printed: str, recorded: Path, run: Any
) -> None:
    expected = json.loads((recorded / "expected" / f"{printed}.json").read_text())
    code, document = run(*arguments)
    assert code == 0
    assert _without_added_keys(document, expected) == expected


def _without_added_keys(document: Any, expected: Any) -> Any:
    """The document without keys that it did not have then: keys may be added, none may go."""
    if isinstance(expected, dict) and isinstance(document, dict):
        kept = document.keys() & expected.keys()
        return {key: _without_added_keys(document[key], expected[key]) for key in kept}
    if isinstance(expected, list) and isinstance(document, list):
        shared = min(len(document), len(expected))
        kept = [_without_added_keys(*both) for both in zip(document, expected, strict=False)]
        return [*kept, *document[shared:]]
    return document


def test_a_recorded_trial_trains_to_the_score_it_had(recorded: Path, run: Any) -> None:
    expected = json.loads((recorded / "expected" / "train.json").read_text())
    code, document = run("train", str(recorded / "small"), "--from-run", f"{STUDY}/trial-004")
    assert code == (document["recorded"] != document["repeated"])
    # To the last bit only where the processor rounds as the recorder's did.
    for name, value in expected["recorded"].items():
        assert document["recorded"][name] == value
        assert document["repeated"][name] == pytest.approx(value, abs=1e-4)


def test_a_report_is_drawn_of_it(recorded: Path, run: Any) -> None:
    page = recorded / "report.html"
    code, _ = run("report", STUDY, "--out", str(page))
    assert code == 0
    assert "trial-005" in page.read_text()


@pytest.mark.ray
def test_a_confirmation_can_be_made_of_it(recorded: Path, run: Any) -> None:
    code, document = run(
        "confirm", STUDY, "--data", str(recorded / "small"), "--top", "2", "--splits", "2"
    )
    assert code == 0
    assert document["sealed"]["opened"] == 2  # once when it was recorded


def test_going_on_with_it_is_refused_in_one_line(recorded: Path, run: Any) -> None:
    """Trials of two versions are not of one kind, and Ray Tune's state names modules by path."""
    plan = json.loads((recorded / "home" / "studies" / STUDY / "plan.json").read_text())
    assert plan["mmatune_version"] == "0.1.0"
    code, document = run("tune", str(recorded / "small"), "--name", STUDY, "--resume")
    assert code == 2
    assert "mmatune version" in document["error"]["message"]
    assert document["error"]["hint"] == "begin a new study"


def test_its_models_and_checkpoints_load(recorded: Path) -> None:
    model = load(resolve("small@champion"))
    pair = pd.DataFrame({"mirna": ["demo-mir-232"], "small_molecule": ["demo-sm-01"]})
    scored = model.predict(pair)
    assert scored["probability"].tolist() == pytest.approx([0.9368476867675781])
    checkpoints = sorted((recorded / "home").rglob("checkpoint.safetensors"))
    assert len(checkpoints) == 2
    for path in checkpoints:
        loaded = load_checkpoint(path)
        assert np.isfinite(loaded.probabilities()).all()
