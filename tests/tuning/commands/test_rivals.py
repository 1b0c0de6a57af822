"""Which baselines are measured: what a user may say, and that a study keeps it."""

from dataclasses import replace
from pathlib import Path

import pytest

from model.baselines.registry import BASELINES, COMPARED, core
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST
from search_spaces.loading import load_space
from tests.tuning.commands_run import run_mmatune
from tuning.commands.rivals import chosen_baselines
from tuning.home import study_folder
from tuning.plan import StudyPlan
from tuning.search.resumption import read_plan, save_plan


def test_every_study_measures_the_six_that_it_always_measured() -> None:
    assert core() == (
        "additive degree",
        "kernel ridge similarity",
        "kernel ridge similarity+GIP",
        "matrix factorisation (NRLMF)",
        "gradient boosting",
        "neighbour propagation",
    )
    assert {*core(), *COMPARED} == set(BASELINES)


def test_what_a_user_may_say() -> None:
    assert chosen_baselines("core") == core()
    assert chosen_baselines("all") == tuple(BASELINES)
    assert chosen_baselines("none") == ()
    assert chosen_baselines("GISMMA, additive degree,GISMMA") == ("GISMMA", "additive degree")
    assert chosen_baselines("core,BNNRSMMA") == (*core(), "BNNRSMMA")


def test_all_names_that_are_none_are_told_at_once() -> None:
    with pytest.raises(InputError, match="'GISMA', 'DAESTBB'") as raised:
        chosen_baselines("GISMA,additive degree,DAESTBB")
    assert raised.value.hint == "did you mean GISMMA, DAESTB?"
    with pytest.raises(InputError, match="''") as raised:
        chosen_baselines("")
    assert "core, all, none" in str(raised.value.hint)


def test_tune_refuses_before_it_begins(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    code, _, err = run_mmatune(capsys, "tune", "demo", "--baselines", "BNNR")
    assert code == 2
    assert "did you mean BNNRSMMA?" in err
    code, _, err = run_mmatune(
        capsys, "tune", "demo", "--baselines", "none", "--ensemble-baselines"
    )
    assert code == 2
    assert "without baselines" in err
    assert not (home / "studies").exists()


@pytest.mark.parametrize("asked", [None, (), ("GISMMA",)])
def test_a_study_that_goes_on_measures_the_same(
    asked: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuning.search.resumption.has_begun", lambda folder: True)
    plan = StudyPlan("kept", demo(), HONEST, "full", load_space("full"), 3)
    study_folder(plan.name).mkdir(parents=True, exist_ok=True)
    save_plan(replace(plan, baselines=asked))
    assert read_plan("kept", demo()).baselines == asked


def test_baselines_shows_the_core_ones_or_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def made_up(name: str, *_: object) -> object:
        from model.evaluation.metrics.table import METRICS
        from model.evaluation.result import Evaluation

        measured.append(name)
        return Evaluation((dict.fromkeys(METRICS, 0.5),) * 2)

    monkeypatch.setattr("tuning.search.baseline_cache.cached_evaluation", made_up)
    for options, names in (([], core()), (["--all"], tuple(BASELINES))):
        measured.clear()
        assert run_mmatune(capsys, "baselines", "demo", *options)[0] == 0
        assert tuple(measured) == names
