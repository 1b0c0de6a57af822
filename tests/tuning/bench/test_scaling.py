"""The simulated study: its clock adds up, its scheduler is the real one, its page is complete."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tuning.search.trial
from model.errors import InputError
from search_spaces.loading import load_space
from search_spaces.schedule import Schedule
from tuning.bench.driver import _attribute, _Event, _least, measure_driver
from tuning.bench.recording import SHIPPED, Curve, read_recording, write_recording
from tuning.bench.rungs import compare_rungs
from tuning.bench.scaling import USUAL_LOSSES, limits, limits_by_work, sweep
from tuning.bench.scaling_page import rows, write_page
from tuning.bench.simulation import (
    DRIVER,
    IDLE,
    REDONE,
    SPENDING,
    STARTING,
    TRAINING,
    Cluster,
    Costs,
    draw_trials,
    simulate,
)
from tuning.search.scheduler import StudyScheduler

pytestmark = pytest.mark.heavy

HALVING = load_space("full").model_copy(update={"start_with": []})  # rungs at 60 and 180
NO_RUNGS = HALVING.model_copy(update={"schedule": Schedule(report_every=20, first_rung=300)})
COSTS = Costs(actor_start=7.0, trial_start=0.1, trial=0.05, trial_growth=1e-4, report=0.02)
SPOT = Cluster(8, losses_per_hour=20.0, notice=14.0, replacement=300.0)


def curve(score: float, *seconds: float) -> Curve:
    return Curve(
        epochs=tuple(20 * (k + 1) for k in range(len(seconds))),
        scores=(score,) * len(seconds),
        seconds=seconds,
        setup=0.1,
    )


CURVES = st.lists(
    st.builds(
        lambda score, seconds: curve(score, *seconds),
        st.floats(0.5, 0.99),
        st.lists(st.floats(0.1, 50.0), min_size=3, max_size=15),
    ),
    min_size=1,
    max_size=30,
)


@pytest.fixture(scope="module")
def recorded() -> list[Curve]:
    return read_recording()


# --- the clock


@given(CURVES)
@settings(deadline=None, max_examples=40)
def test_one_gpu_without_losses_takes_the_sum_of_all_durations(curves: list[Curve]) -> None:
    outcome = simulate(curves, NO_RUNGS, Cluster(1), COSTS)
    training = sum(sum(one.seconds) for one in curves)
    reports = sum(len(one.epochs) for one in curves)
    n = len(curves)
    driver = n * COSTS.trial + COSTS.trial_growth * n * (n - 1) / 2 + reports * COSTS.report
    starting = COSTS.actor_start + n * COSTS.trial_start
    assert outcome.spending[TRAINING] == pytest.approx(training)
    assert outcome.spending[DRIVER] == pytest.approx(driver) == outcome.driver
    assert outcome.spending[STARTING] == pytest.approx(starting)
    assert outcome.wall == pytest.approx(training + driver + starting)
    assert outcome.reports == reports
    assert outcome.endings == {"finished": n}


@given(CURVES, st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_more_gpus_are_never_slower_where_nothing_is_stopped(curves: list[Curve], n: int) -> None:
    """Without a driver in between, a trial begins no later when there is one GPU more."""
    few, many = (simulate(curves, NO_RUNGS, Cluster(gpus), Costs()) for gpus in (n, n + 1))
    total, longest = sum(sum(one.seconds) for one in curves), max(sum(o.seconds) for o in curves)
    assert many.wall <= few.wall * (1 + 1e-9)
    for gpus, outcome in ((n, few), (n + 1, many)):
        assert outcome.wall * (1 + 1e-9) >= max(longest, total / gpus)
        assert outcome.spending[TRAINING] == pytest.approx(total)
        assert outcome.paid == pytest.approx(gpus * outcome.wall)  # all of it is accounted for


@pytest.mark.parametrize("gpus", [1, 8, 64])
def test_all_paid_time_is_accounted_for(recorded: list[Curve], gpus: int) -> None:
    outcome = simulate(draw_trials(recorded, 200, 0), HALVING, Cluster(gpus), COSTS)
    assert outcome.paid == pytest.approx(gpus * outcome.wall)
    assert all(outcome.spending[name] >= 0 for name in SPENDING)
    assert outcome.driver <= outcome.wall
    assert sum(outcome.endings.values()) == 200


def test_the_driver_bounds_the_study_however_many_gpus(recorded: list[Curve]) -> None:
    drawn = draw_trials(recorded, 200, 0)
    slow = replace(COSTS, report=1.0)
    outcome = simulate(drawn, HALVING, Cluster(64), slow, work=0.01)
    assert outcome.wall > outcome.reports * slow.report
    assert outcome.driver > 0.95 * outcome.wall
    assert outcome.spending[DRIVER] > 0.8 * outcome.paid


def test_twice_the_work_is_twice_the_training(recorded: list[Curve]) -> None:
    drawn = draw_trials(recorded, 50, 0)
    once, twice = (simulate(drawn, HALVING, Cluster(1), COSTS, work=work) for work in (1, 2))
    assert twice.spending[TRAINING] == pytest.approx(2 * once.spending[TRAINING])
    assert twice.spending[STARTING] == pytest.approx(once.spending[STARTING])


def test_an_idle_gpu_is_given_back() -> None:
    curves = [curve(0.8, 10.0, 10.0, 10.0), curve(0.8, 1000.0, 1000.0, 1000.0)]
    outcome = simulate(curves, NO_RUNGS, Cluster(2, idle_timeout=600.0), Costs())
    assert outcome.spending[IDLE] == pytest.approx(600.0)
    assert outcome.paid == pytest.approx(30.0 + 600.0 + 3000.0)


# --- ASHA


def test_it_stops_whom_the_real_scheduler_stops(recorded: list[Curve]) -> None:
    """On one GPU trials come one after the other: as if the scheduler were asked in a loop."""
    drawn = draw_trials(recorded, 100, 3)
    scheduler = StudyScheduler(HALVING)
    epochs = finished = 0
    for number, one in enumerate(drawn):
        trial = type("Trial", (), {"trial_id": str(number), "config": {}})()
        scheduler.on_trial_add(None, trial)
        for epoch, score in zip(one.epochs, one.scores, strict=True):
            epochs += 1
            full = epoch == one.epochs[-1]
            result = {"auc": score, "epoch": epoch, "full_budget": full}
            stop = scheduler.on_trial_result(None, trial, result) == scheduler.STOP
            finished += full
            if full or stop:
                break
    outcome = simulate(drawn, HALVING, Cluster(1), Costs())
    assert (outcome.reports, outcome.endings["finished"]) == (epochs, finished)
    assert 0 < finished < 100


def test_with_many_gpus_weak_trials_pass_rungs_that_nobody_has_filled() -> None:
    """The best trial is the slowest: alone it comes first, among many it comes last."""
    drawn = [curve(0.9, *[50.0] * 9), *(curve(0.5 + 0.01 * k, *[1.0 + k] * 9) for k in range(3))]
    alone, together = (simulate(drawn, HALVING, Cluster(gpus), Costs()) for gpus in (1, 4))
    assert alone.endings == {"finished": 1, "stopped early": 3}
    assert together.endings == {"finished": 4}
    assert together.spending[TRAINING] > alone.spending[TRAINING]


def test_time_to_a_score_counts_the_chosen_score_of_trials_that_have_ended() -> None:
    """Also of one that was stopped; a single high point of a curve is not its score."""
    fluke = Curve((20, 40, 60, 80, 100), (0.7, 0.2, 0.99, 0.2, 0.2), (4.0,) * 5, 0.1)
    others = [curve(0.8, 1.0, 1.0, 1.0), curve(0.6, 1.0, 1.0, 1.0)]
    outcome = simulate([fluke, *others], NO_RUNGS, Cluster(1), Costs())
    assert outcome.endings["finished"] == 3
    assert outcome.best == [(pytest.approx(20.0), 0.7), (pytest.approx(23.0), 0.8)]
    assert outcome.time_to(0.75) == pytest.approx(23.0)
    assert outcome.time_to(0.95) == math.inf
    # It falls after its peak, and is stopped at the second rung by one that is better there.
    falls = Curve(tuple(range(20, 320, 20)), (0.9,) * 8 + (0.5,) * 7, (1.0,) * 15, 0.1)
    rises = Curve(tuple(range(20, 320, 20)), (0.95,) * 15, (1.0,) * 15, 0.1)
    outcome = simulate([rises, falls], HALVING, Cluster(1), Costs())
    assert outcome.endings == {"finished": 1, "stopped early": 1}
    outcome = simulate([falls, falls], HALVING, Cluster(1), Costs())
    assert outcome.best == [(pytest.approx(15.0), 0.9)]


# --- losses


@pytest.mark.parametrize("seed", range(5))
def test_losses_cost_time_and_no_trial(recorded: list[Curve], seed: int) -> None:
    drawn = draw_trials(recorded, 60, seed)
    calm = simulate(drawn, NO_RUNGS, replace(SPOT, gpus=1, losses_per_hour=0.0), COSTS, seed=seed)
    rough = simulate(drawn, NO_RUNGS, replace(SPOT, gpus=1), COSTS, seed=seed)
    assert rough.losses > 0
    assert rough.wall > calm.wall + 300.0 * (rough.losses - 1)
    assert rough.spending[REDONE] > 0 == calm.spending[REDONE]
    assert sum(rough.endings.values()) == 60
    if "failed" not in rough.endings:
        assert rough.spending[TRAINING] == pytest.approx(calm.spending[TRAINING])


def test_a_lost_trial_goes_on_from_its_rung_elsewhere() -> None:
    """Two GPUs, one of them lost: what its trial had trained since epoch 60 is trained again."""
    steady = [curve(0.8, *[100.0] * 9), curve(0.8, *[100.0] * 9)]
    cluster = Cluster(2, losses_per_hour=1.5, notice=10.0, replacement=50.0)
    found = set()
    for seed in range(200):
        outcome = simulate(steady, HALVING, cluster, Costs(), seed=seed)
        if outcome.losses == 1:
            undone = outcome.spending[REDONE]
            assert outcome.spending[TRAINING] == pytest.approx(1800.0)
            # It was lost so long after its start, or after epoch 60, which 300 s bring; it goes on
            # on a new GPU, or on the other one if that is done before.
            walls = []
            for saved in (0.0, 300.0):
                lost = saved + undone
                again = min(lost + 50.0, max(900.0, lost + 10.0))
                walls.append(pytest.approx(again + 900.0 - saved))
            assert outcome.wall in walls[undone > 300.0 :]
            found.add(round(undone))
    assert len(found) > 10


def test_a_trial_lost_four_times_has_failed(recorded: list[Curve]) -> None:
    cluster = Cluster(2, losses_per_hour=400.0, notice=1.0, replacement=1.0)
    outcome = simulate(draw_trials(recorded, 20, 0), NO_RUNGS, cluster, Costs(), work=10)
    assert outcome.endings["failed"] > 0
    assert sum(outcome.endings.values()) == 20


def test_the_seed_fixes_everything(recorded: list[Curve]) -> None:
    def study(seed: int) -> object:
        drawn = draw_trials(recorded, 100, seed)
        return simulate(drawn, HALVING, SPOT, COSTS, work=10, seed=seed)

    assert study(0) == study(0)
    assert study(0) != study(1)


# --- rungs


@pytest.mark.heavy
def test_a_rung_that_knows_nothing_loses_the_best() -> None:
    """At epoch 20 the best trial is the worst; at epoch 60 it is the best."""

    def one(early: float, final: float) -> Curve:
        scores = (early, final, final, final)
        return Curve((20, 40, 60, 80), scores, (1.0,) * 4, setup=0.0)

    best = [one(0.5, 0.9)]
    others = [one(0.7 + 0.01 * k, 0.8 - 0.01 * k) for k in range(5)]
    found = compare_rungs(best + others, HALVING, draws=10)
    assert [rung["rank_correlation"] for rung in found["fidelity"][:2]] == [-1.0, 1.0]
    reached = {(s["first_rung"], s["reduction_factor"]): s["reached"] for s in found["schedules"]}
    assert reached[None, None] == 1.0 == reached[60, 3]
    assert reached[20, 4] < 0.5
    # Luck alone takes less than all the compute: the best of the goal's trials was not its last.
    luck = found["schedules"][0]["ratio"]
    assert 0 < luck[0] < luck[1] < 1.0


# --- what goes in and what comes out


def test_a_recording_is_read_as_it_was_written(tmp_path: Path, recorded: list[Curve]) -> None:
    write_recording(recorded, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text() == SHIPPED.read_text()
    assert read_recording(tmp_path / "again.csv") == recorded
    assert all(one.epochs[-1] <= HALVING.max_epochs for one in recorded)


@pytest.fixture(scope="module")
def swept(recorded: list[Curve]) -> list[dict[str, object]]:
    return list(
        sweep(recorded, HALVING, COSTS, trials=40, seeds=range(2), progress=lambda text: None)
    )


def test_the_limit_is_where_doubling_stops_paying() -> None:
    def point(gpus: int, *wall: float) -> dict[str, object]:
        shares = {name: [0.0] for name in SPENDING} | {IDLE: [0.2], DRIVER: [0.1], TRAINING: [0.7]}
        same = {"work": 1.0, "losses_per_hour": 0.0, "training": [1.0] * 2, "driver": [0.5] * 2}
        return {**same, "gpus": gpus, "wall": list(wall), "shares": shares}

    points = [point(1, 100.0, 90.0), point(2, 50.0, 50.0), point(4, 40.0, 40.0)]
    found = limits(points)
    assert (found["gpus"], found["next_speedup"], found["reason"]) == (2, 1.25, IDLE)
    assert limits(points[:2])["gpus"] == 2
    assert limits(points[:2])["reason"] is None


@pytest.mark.heavy
def test_the_page_has_every_size_and_its_figure(
    tmp_path: Path, recorded: list[Curve], swept: list[dict[str, object]]
) -> None:
    result = {
        "machine": {"processor": "a processor", "cores": 2},
        "driver": {
            "costs": COSTS,
            "slower": 3.0,
            "trials": 150,
            "reports": 700,
            "seconds": 30.0,
            "simulated": 25.0,
            "at_once": 8,
        },
        "recording": {"trials": 9, "seconds": {"min": 1.0, "median": 2.0, "max": 3.0}, "best": 0.9},
        "assumed": {"notice": 14.0, "replacement": 300.0, "idle_timeout": 600.0},
        "trials": 40,
        "seeds": 2,
        "points": swept,
        "limits": limits_by_work(swept),
        "slow_limits": limits_by_work(swept),
        "rungs": compare_rungs(recorded[:8], HALVING, draws=3),
    }
    write_page(result, tmp_path, command="mmatune bench scaling --out docs", shipped=True)
    text = (tmp_path / "scaling.md").read_text()
    usual = [one for one in swept if one["losses_per_hour"] == USUAL_LOSSES]
    for row in rows(usual)[1.0]:
        assert f"| {row['gpus']} | {row['wall']} | {row['speedup']} |" in text
    assert "mmatune bench scaling --out docs\n" in text
    assert "if the driver worked 3.0 times as long at everything" in text
    assert (tmp_path / "scaling.png").stat().st_size < 150_000
    json.dumps(swept, allow_nan=False)


def test_the_drivers_time_is_told_apart() -> None:
    """Made-up events: 40 ms a trial, 1 ms more for each before it, 5 ms a report."""
    draw = np.random.default_rng(0)
    events, now = [_Event("start", 0.0, 0.0)], 0.0
    for number in range(100):
        for _ in range(draw.integers(1, 9)):
            now += 0.005
            events.append(_Event("report", now, now))
        events.append(_Event("end", now, now))
        now += 0.040 + 0.001 * (number + 1)
        events.append(_Event("start", now, now))
    assert _attribute(events) == pytest.approx((0.040, 0.001, 0.005), rel=0.15)


def test_a_driver_is_slowed_until_the_study_takes_as_long(recorded: list[Curve]) -> None:
    def wall(factor: float) -> float:
        costs = COSTS.driver_times(factor)
        return simulate(recorded[:12], NO_RUNGS, Cluster(4), costs, work=0.01).wall

    factor = _least(lambda factor: wall(factor) - 3 * wall(1.0))
    assert factor > 3  # the driver's time is not all of it
    assert wall(factor) == pytest.approx(3 * wall(1.0), rel=0.05)
    assert _least(lambda factor: wall(factor)) == 1.0


def test_a_study_with_stopped_trials_is_no_recording(home: Path) -> None:
    from tuning.bench.recording import record_study
    from tuning.ending import Ending
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import StudyRecord

    record = StudyRecord.create(
        mlflow_client(), "some", tags={"study": "some"}, params={}, artifact_location=home / "some"
    )

    def trial(name: str, spent: list[float], ended: Ending) -> None:
        run = record.open_child("trial", name, {})
        for number, seconds in enumerate(spent, start=1):
            result = {"auc": 0.7 + 0.01 * number, "device_seconds": seconds, "setup_seconds": 0.5}
            record.log_metrics(run, result, step=20 * number)
        record.close(run, ended)

    trial("whole", [1.0, 2.5, 4.5], Ending.FINISHED)
    trial("went on after a fault", [1.0, 2.5, 0.75], Ending.FINISHED)
    trial("failed", [1.0], Ending.FAILED)
    whole, resumed = record_study("some")
    assert whole == Curve((20, 40, 60), (0.71, 0.72, 0.73), (1.0, 1.5, 2.0), 0.5)
    assert resumed.seconds == (1.0, 1.5, 0.75)
    trial("stopped", [1.0], Ending.STOPPED)
    with pytest.raises(InputError, match="ASHA stopped 1"):
        record_study("some")
    with pytest.raises(InputError, match="no study"):
        record_study("none")


@pytest.mark.ray
@pytest.mark.slow
def test_a_real_driver_is_measured_and_replays_what_was_recorded(
    home: Path, recorded: list[Curve]
) -> None:
    before = tuning.search.trial.run_trial
    driver = measure_driver(draw_trials(recorded, 24, 0), HALVING, at_once=4, work=0.02)
    assert tuning.search.trial.run_trial is before
    assert not list(home.iterdir())
    assert driver.trials == 24
    assert 24 * 2 < driver.reports <= 24 * 15
    costs = driver.costs
    assert 0.001 < costs.report + costs.trial + 24 * costs.trial_growth < 2.0
    assert costs.actor_start > 0.5
    assert 0.5 * driver.simulated < driver.seconds  # nothing is charged that was not spent
    assert driver.slower >= 1
