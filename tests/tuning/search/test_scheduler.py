"""The scheduler stops weak trials at rungs and spares the published settings. No Ray is started."""

from types import SimpleNamespace
from typing import Any

import pytest

import tuning.search.scheduler
from search_spaces.loading import load_space
from tuning.search.scheduler import StudyScheduler

SPACE = load_space("paper")  # rungs at 60 and 180 of 300 epochs
PUBLISHED = SPACE.start_points()[0]
OTHER = {**PUBLISHED, "mask.rate": 0.2}


@pytest.fixture
def scheduler() -> StudyScheduler:
    return StudyScheduler(SPACE)


def trial(scheduler: StudyScheduler, name: str, config: dict[str, Any]) -> Any:
    made = SimpleNamespace(trial_id=name, config=config)
    scheduler.on_trial_add(None, made)
    return made


def report(scheduler: StudyScheduler, of: Any, auc: float, epoch: int) -> str:
    result = {"auc": auc, "epoch": epoch, "full_budget": epoch == 300}
    return scheduler.on_trial_result(None, of, result)


def test_a_weak_trial_is_stopped_at_the_first_rung_and_not_before(
    scheduler: StudyScheduler,
) -> None:
    strong = [trial(scheduler, f"strong{k}", OTHER) for k in range(3)]
    assert [report(scheduler, of, 0.8, 60) for of in strong] == ["CONTINUE"] * 3
    weak = trial(scheduler, "weak", OTHER)
    assert report(scheduler, weak, 0.5, 40) == "CONTINUE"
    assert report(scheduler, weak, 0.5, 60) == "STOP"


def test_the_published_settings_are_spared_but_count(scheduler: StudyScheduler) -> None:
    for k in range(3):
        report(scheduler, trial(scheduler, f"strong{k}", OTHER), 0.8, 60)
    published = trial(scheduler, "published", PUBLISHED)
    assert report(scheduler, published, 0.5, 60) == "CONTINUE"
    assert report(scheduler, published, 0.5, 180) == "CONTINUE"
    assert report(scheduler, published, 0.5, 300) == "STOP"
    # Its 0.5 stands in the second rung, so a better trial is let through there.
    assert report(scheduler, trial(scheduler, "later", OTHER), 0.6, 180) == "CONTINUE"


def test_the_study_s_metric_decides() -> None:
    scheduler = StudyScheduler(SPACE, metric="ap")
    for k in range(4):
        result = {"auc": 0.9 - k / 10, "ap": k / 10, "epoch": 60, "full_budget": False}
        one = trial(scheduler, f"t{k}", OTHER)
        assert scheduler.on_trial_result(None, one, result) == "CONTINUE"
    result = {"auc": 0.99, "ap": 0.01, "epoch": 60, "full_budget": False}
    assert scheduler.on_trial_result(None, trial(scheduler, "last", OTHER), result) == "STOP"


def test_a_decision_without_a_trial_of_ray_tune_s(scheduler: StudyScheduler) -> None:
    assert [scheduler.decide(str(k), 60, score) for k, score in enumerate((0.5, 0.8, 0.4))] == [
        "CONTINUE",
        "CONTINUE",
        "STOP",
    ]


def test_a_diverged_trial_does_not_spoil_a_rung(scheduler: StudyScheduler) -> None:
    report(scheduler, trial(scheduler, "diverged", OTHER), float("nan"), 60)
    for k in range(3):
        report(scheduler, trial(scheduler, f"strong{k}", OTHER), 0.8, 60)
    assert report(scheduler, trial(scheduler, "weak", OTHER), 0.5, 60) == "STOP"


def test_a_place_that_is_given_back_is_left_to_who_waits_for_it(
    scheduler: StudyScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(tuning.search.scheduler.time, "monotonic", lambda: now)
    monkeypatch.setattr(tuning.search.scheduler, "should_yield_slot", lambda: True)
    controller = SimpleNamespace(_reuse_actors=True, _max_pending_trials=7, get_trials=list)
    controller.update_max_pending_trials = lambda: setattr(controller, "_max_pending_trials", 7)
    wrapped: Any = SimpleNamespace(_tune_controller=controller, get_trials=list)
    controller.search_alg = wrapped.search_alg = None

    def ends(name: str) -> None:
        scheduler.on_trial_complete(
            controller, trial(scheduler, name, OTHER), {"auc": 0.8, "epoch": 300}
        )

    def begins_new_trials() -> bool:
        scheduler.choose_trial_to_run(wrapped)
        return controller._max_pending_trials > 0

    # Ray Tune has restored a snapshot that was written while new trials were held back.
    controller._max_pending_trials = 0
    assert begins_new_trials()
    ends("first")
    assert controller._reuse_actors is False
    now += 1
    ends("second")  # one place at a time
    assert controller._reuse_actors is True
    assert not begins_new_trials()
    now += 2
    assert begins_new_trials()
    ends("third")
    assert controller._reuse_actors is False
