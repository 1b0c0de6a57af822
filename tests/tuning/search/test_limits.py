"""A finished study goes on to more trials; a search ends in order when its time is up."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tuning.search.limits as module
import tuning.study
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.commands_run import run_mmatune
from tests.tuning.survival import accounted_for_once
from tuning.commands.tune import _seconds
from tuning.plan import StudyPlan
from tuning.search.limits import Deadline
from tuning.search.resumption import changed, read_plan
from tuning.search.scheduler import StudyScheduler

SPACE = SearchSpace.model_validate(
    {
        "description": "small and quick",
        "schedule": {"report_every": 10, "first_rung": 20},
        "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": 20},
        "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
    }
)


@pytest.fixture
def quick(home: Path, warm_ray: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    degree = {"additive degree": tuning.study.BASELINES["additive degree"]}
    monkeypatch.setattr(tuning.study, "BASELINES", degree)
    return home


def plan(name: str, trials: int) -> StudyPlan:
    return StudyPlan(name, demo(), HONEST, "test", SPACE, trials, 0, None)


@pytest.mark.ray
def test_a_finished_study_goes_on_to_more_trials(quick: Path) -> None:
    first = tuning.study.run_study(plan("more", 2))
    before = {run.info.run_id: run.data for run in accounted_for_once("more", 2, folder(quick))}
    with pytest.raises(InputError, match="is finished, with 2 trials") as refused:
        tuning.study.resume_study(read_plan("more", demo()))
    assert "--trials" in refused.value.hint
    second = tuning.study.resume_study(changed(read_plan("more", demo()), 4, None))
    runs = accounted_for_once("more", 4, folder(quick))
    assert len(before) == 2
    for run in runs[:2]:  # not trained again
        assert run.data.metrics == before[run.info.run_id].metrics
    points = [run.data.params["encoder.dropout"] for run in runs]
    assert len(set(points)) == 4
    assert first.registration is not None
    assert second.registration is not None
    winner = {result.rows[0]["name"] for result in (first, second)}
    assert second.registration.version == len(winner)  # a version of its own if it is another
    assert read_plan("more", demo()).trials == 4
    with pytest.raises(InputError, match="is finished, with 4 trials"):
        tuning.study.resume_study(read_plan("more", demo()))


@pytest.mark.ray
def test_a_search_whose_time_is_up_ends_in_order(
    quick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The time is up when the first trial reports, whatever the clock says."""
    clock = SimpleNamespace(monotonic=lambda: 0.0)
    on_trial_result = StudyScheduler.on_trial_result

    def told(self: StudyScheduler, controller: Any, trial: Any, result: Any) -> str:
        clock.monotonic = lambda: 1e9
        return on_trial_result(self, controller, trial, result)

    monkeypatch.setattr(StudyScheduler, "on_trial_result", told)
    monkeypatch.setattr(module, "time", clock)
    result = tuning.study.run_study(changed(plan("timed", 50), None, 3600.0))
    assert not result.interrupted
    assert result.registration is not None
    trials = [row for row in result.rows if row["kind"] == "trial"]
    assert {row["ended"] for row in trials} == {"stopped early"}
    assert 1 <= len(trials) < 50
    assert capsys.readouterr().err.count("The time is up") == 1


def folder(home: Path) -> Path:
    return home / "studies" / "more"


def test_no_deadline_is_never_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Deadline(None).is_over
    one = Deadline(10.0)
    assert not one.is_over
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float("inf")))
    assert one.is_over
    assert not Deadline(None).is_over


def test_a_study_is_never_asked_for_fewer_trials() -> None:
    with pytest.raises(InputError, match="to have 5 trials already"):
        changed(plan("s", 5), 4, None)
    assert changed(plan("s", 5), None, 60.0).trials == 5
    assert changed(changed(plan("s", 5), 6, 60.0), None, None).time_budget_s == 60.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2 hours", 7200)]
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert _seconds(text) == seconds


@pytest.mark.parametrize("text", ["30", "", "soon", "-5m", "0s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no duration"):
        _seconds(text)


@pytest.mark.ray
@pytest.mark.parametrize(
    ("name", "flags", "more"),
    [
        ("yamanishi_nr", ("--kinds", "target,drug", "--symmetrise"), ()),
        pytest.param(
            "yamanishi_gpcr",
            ("--kinds", "target,drug", "--symmetrise"),
            (),
            marks=pytest.mark.slow,
        ),
        pytest.param("hmdd2", (), (), marks=pytest.mark.slow),
        # Its similarities are made of the associations, so that it has to be said that they may be.
        pytest.param("hmdad", (), ("--accept-leak",), marks=pytest.mark.slow),
    ],
)
def test_a_public_set_as_delivered_is_a_study_in_two_lines(
    name: str,
    flags: tuple[str, ...],
    more: tuple[str, ...],
    warm_ray: None,
    brief: tuple[str, ...],
    shared_data: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = shared_data / "foreign" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    to = tmp_path / name
    code, _, err = run_mmatune(capfd, "data", "import", folder, "--to", to, *flags)
    assert code == 0, err
    code, out, err = run_mmatune(capfd, "tune", to, *brief, *more, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert {row["kind"] for row in document["rows"]} >= {"trial", "baseline"}
    assert document["model"]
