"""What searches hand out: scored on a fold that chose nothing, at equal compute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import InputError
from tests.tuning.bench.curves.test_surrogate import made_up
from tests.tuning.commands_run import run_mmatune
from tuning.bench.curves import winners
from tuning.bench.curves.recorded import RecordedCurves, write_curves
from tuning.bench.curves.winners import RIVALS, Job, bench_winners, run_searches

pytestmark = pytest.mark.heavy


def five_folds(shift: float = 0.0) -> RecordedCurves:
    """Two alike folds and three of their own luck; of the last one every AUC is shifted."""
    curves = made_up(noise=0.1)
    rng = np.random.default_rng(0)
    auc = np.repeat(curves.auc[:, :, :1], 5, axis=2) + 0.002 * rng.normal(size=(200, 1, 5))
    auc[:, :, 4] += shift
    return replace(curves, auc=auc)


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a made-up recording lies in the place of the shipped ones, in this process."""
    read = winners.read_curves
    write_curves(five_folds(), tmp_path / "made-up.npz")
    monkeypatch.setattr(winners, "read_curves", lambda name: read(name, tmp_path))
    yield tmp_path / "made-up.npz"
    winners._curves.cache_clear()


def test_the_fold_left_out_scores_and_chooses_nothing(recording: Path) -> None:
    job = Job("made-up", trials=20, fold=4, seed=0)
    before = run_searches(job)
    write_curves(five_folds(shift=-0.25), recording)
    winners._curves.cache_clear()
    after = run_searches(job)
    for name, score in before.items():
        assert after[name] == pytest.approx(score - 0.25, abs=1e-6), name  # the same winners


def test_a_search_that_learns_hands_out_better_ones_than_luck(recording: Path) -> None:
    found = [run_searches(Job("made-up", 40, 0, seed)) for seed in range(12)]
    lead = np.array([one["curve-gp"] - one["random, no trial stopped"] for one in found])
    assert lead.mean() > 0
    assert set(found[0]) == {"curve-gp", *(name for name, *_ in RIVALS)}


def test_too_few_points_are_refused(recording: Path) -> None:
    with pytest.raises(InputError, match="made-up has 200 points"):
        bench_winners(
            "made-up", trials=[101], seeds=1, processes=1, progress=lambda done, total: None
        )


def test_the_command_prints_a_document_and_a_table(capfd: pytest.CaptureFixture[str]) -> None:
    asked = ("bench", "winners", "--recording", "gpcr", "--trials", "24", "--seeds", "2")
    code, out, _ = run_mmatune(capfd, *asked, "--json")
    assert code == 0
    result: dict[str, Any] = json.loads(out)
    names = [row["name"] for row in result["rows"]]
    assert names == ["curve-gp", *(name for name, *_ in RIVALS)]
    assert result["rows"][0]["ahead"] is None
    difference, error, p_value = result["rows"][1]["ahead"]
    lead = result["rows"][0]["auc"] - result["rows"][1]["auc"]
    assert difference == pytest.approx(lead)
    assert error > 0
    assert 0 <= p_value <= 1

    code, _, shown = run_mmatune(capfd, *asked)
    assert code == 0
    assert "random, twice the compute" in shown
