"""An ensemble of trials and a baseline: on the leaderboard, on fresh splits, in the registry."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tuning.confirm.confirmation as confirmation
import tuning.study
from model.baselines.registry import BASELINES, baseline_scores
from model.data.synthetic import demo
from model.evaluation.ensemble import combined, evaluate, select
from model.evaluation.folds import everything
from model.evaluation.protocols import HONEST, development_folds, sealed_fold
from model.training.checkpoint import load_checkpoint
from search_spaces.schema import SearchSpace
from tests.tuning.confirm.test_confirm import FAST, SPACE
from tuning.confirm.confirmation import Confirmation, ConfirmationPlan, confirm_study
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.ensembles import out_of_fold
from tuning.record.finished_study import read_study
from tuning.registry.verdict import decide
from tuning.registry.versions import load, resolve
from tuning.study import StudyResult, run_study

pytestmark = pytest.mark.ray
MEMBERS = {"trial-001": 2, "trial-003": 1, FAST[0]: 1}


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, warm_ray: None
) -> Iterator[tuple[Path, StudyResult, Confirmation]]:
    """Its members are given, for small trials are too alike; and so is that it is chosen."""
    home = tmp_path_factory.mktemp("ensemble-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        baselines = {name: tuning.study.BASELINES[name] for name in FAST}
        patch.setattr(tuning.study, "BASELINES", baselines)

        def given(library: Any, folds: Any, metric: str) -> dict[str, int]:
            assert set(select(library, folds, metric)) <= set(library) >= set(MEMBERS)
            return MEMBERS

        def chosen(measured: Any, ratio: float) -> Any:
            verdict = decide(measured, ratio)
            assert "ensemble of 3" in (verdict.best, *(one.name for one in verdict.comparisons))
            return replace(verdict, chosen="ensemble of 3")

        patch.setattr("tuning.record.ensembles.select", given)
        patch.setattr(confirmation, "decide", chosen)
        space = SearchSpace.model_validate(SPACE)
        result = run_study(
            StudyPlan("mixed", demo(), HONEST, "test", space, 3, ensemble_baselines=True)
        )
        found = read_study("mixed", None, home)
        assert found.ensemble is not None
        assert found.ensemble.members == MEMBERS
        yield home, result, confirm_study(ConfirmationPlan(found, 1, 2, None, FAST))


@pytest.fixture
def study(
    made: tuple[Path, StudyResult, Confirmation], monkeypatch: pytest.MonkeyPatch
) -> tuple[StudyResult, Confirmation]:
    home, result, found = made
    monkeypatch.setenv("MMATUNE_HOME", str(home))
    return result, found


def scores(result: StudyResult) -> dict[str, Any]:
    trials = [one for one in result.rows if one["kind"] == "trial"]
    kept = out_of_fold(
        mlflow_client(), [(one["name"], one["run_id"], one["epoch"]) for one in trials]
    )
    folds = development_folds(demo(), HONEST, 0)
    return {**kept, FAST[0]: baseline_scores(BASELINES[FAST[0]], demo(), folds)}


def test_the_leaderboard_shows_what_the_members_score_together(
    study: tuple[StudyResult, Confirmation],
) -> None:
    result, _ = study
    (row,) = [one for one in result.rows if one["kind"] == "ensemble"]
    assert row["name"] == "ensemble of 3"
    folds = development_folds(demo(), HONEST, 0)
    kept = scores(result)
    assert len(kept) == 4
    for one in result.rows:
        if one["kind"] != "ensemble":
            alone = evaluate(kept[one["name"]], folds).summary()
            assert alone["auc"] == pytest.approx(one["auc"], abs=1e-6)
    together = evaluate(combined(kept, MEMBERS), folds).summary()
    assert row["auc"] == pytest.approx(together["auc"])
    # What `tune` registers is a single trial all the same.
    assert "weighted mean" not in resolve("demo/1").description


def test_it_is_measured_on_fresh_splits_with_members_that_are_no_candidates(
    study: tuple[StudyResult, Confirmation],
) -> None:
    _, found = study
    kinds = {row["name"]: row["kind"] for row in found.rows}
    trial = found.plan.candidates[0].name
    assert kinds == {trial: "trial", "ensemble of 3": "ensemble", FAST[0]: "baseline"}
    by_name = {row["name"]: row for row in found.rows}
    assert by_name["ensemble of 3"]["weights"] == 2 * by_name[trial]["weights"]
    assert by_name["ensemble of 3"]["confirmed_auc"] > by_name[FAST[0]]["confirmed_auc"]
    assert len(found.fold_scores["ensemble of 3"]) == 10


def test_it_is_one_scorer_with_one_card(study: tuple[StudyResult, Confirmation]) -> None:
    _, found = study
    for number in (found.registration.version, found.refit):
        version = resolve(f"demo/{number}")
        assert (
            f"weighted mean of 3 members (trial-001 x 2, trial-003 x 1, {FAST[0]} x 1)"
        ) in version.description
        folder = Path(version.source.removeprefix("file://"), "artifacts")
        files = {one.name for one in folder.glob("*.safetensors")}
        assert files == {"trial-001.safetensors", "trial-003.safetensors"}
        members = {
            name: load_checkpoint(folder / f"{name}.safetensors")
            for name in ("trial-001", "trial-003")
        }
        known = {one.train_pairs.shape for one in members.values()}
        sealed = sealed_fold(demo(), HONEST, 0).held_out.shape[1]
        left = len(demo().association_pairs) - (sealed if number != found.refit else 0)
        assert known == {(left, 2)}
        trained = np.zeros(demo().associations.shape, dtype=bool)
        trained[tuple(members["trial-001"].train_pairs.T)] = True
        known_to_it = replace(demo(), associations=trained)
        fold = everything(known_to_it, HONEST)
        scored_by = {name: [one.probabilities()[~trained]] for name, one in members.items()}
        scored_by[FAST[0]] = [BASELINES[FAST[0]](known_to_it, fold)[~trained]]
        expected = combined(scored_by, MEMBERS)[0]
        scored = probability(version)[~trained]
        order = np.argsort(expected)
        assert (np.diff(scored[order]) >= -1e-6).all()
        assert 0 < scored.min() < scored.max() < 1


def probability(version: Any) -> np.ndarray:
    """(M, S) of a registered version."""
    rows, columns = np.indices(demo().associations.shape)
    pairs = pd.DataFrame(
        {
            "mirna": np.array(demo().rows)[rows.ravel()],
            "small_molecule": np.array(demo().columns)[columns.ravel()],
        }
    )
    scored: np.ndarray = load(version).predict(pairs)["probability"].to_numpy()
    return scored.reshape(demo().associations.shape)
