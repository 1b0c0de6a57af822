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


def trains(scheduler: StudyScheduler, name: str, *scores: float) -> list[str]:
    """What the scheduler says to a report every 20 epochs."""
    of = trial(scheduler, name, OTHER)
    return [report(scheduler, of, score, 20 * k) for k, score in enumerate(scores, start=1)]


def test_a_rung_compares_what_is_chosen_from_curves_that_are_cut_there(
    scheduler: StudyScheduler,
) -> None:
    """Not the last value: a trial that is past its best is not worse than one that never had it."""
    level = (0.8,) * 9
    assert trains(scheduler, "level", *level, 0.99) == ["CONTINUE"] * 10
    past = (0.7, 0.8, 0.85, 0.9, 0.85, 0.8, 0.6, 0.5, 0.5)
    assert trains(scheduler, "past", *past) == ["CONTINUE"] * 9
    # Its 0.9 stands in the rung, and stops a trial that is better than its last value.
    assert trains(scheduler, "later", *[0.86] * 9) == ["CONTINUE"] * 8 + ["STOP"]


def test_a_single_high_point_does_not_carry_a_trial_past_a_rung(scheduler: StudyScheduler) -> None:
    for name in ("a", "b", "c"):
        trains(scheduler, name, *[0.78] * 3, *[0.8] * 6)
    lucky = (0.79, 0.79, 0.79, 0.5, 0.99, 0.5, 0.5, 0.5, 0.5)
    assert trains(scheduler, "lucky", *lucky) == ["CONTINUE"] * 8 + ["STOP"]


def test_resuming_fills_rungs_with_what_was_chosen_at_them() -> None:
    """Each curve is cut at the rung once more, though its later points are known by then."""
    from tuning.search.curves import Curves
    from tuning.search.resumption import Point, Progress

    scores = {"a": (0.7, 0.8, 0.85, 0.9, 0.85, 0.8, 0.6, 0.5, 0.5), "b": (0.8,) * 12}
    seen = StudyScheduler(SPACE)
    for name, curve in scores.items():
        trains(seen, name, *curve)
    points = tuple(
        Point(name, 20 * k, score, k)
        for name, curve in scores.items()
        for k, score in enumerate(curve, start=1)
    )
    curves = Curves("auc", Progress({"a": "run a", "b": "run b"}, points))
    for again in (StudyScheduler(SPACE, points), StudyScheduler(SPACE, points, curves=curves)):
        assert again._brackets[0]._rungs == seen._brackets[0]._rungs


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
