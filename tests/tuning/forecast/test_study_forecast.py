"""What a study will take: exact where nothing is random, ASHA's share where it stops trials."""

from dataclasses import replace
from pathlib import Path

import pytest

from search_spaces.loading import load_space
from search_spaces.sampling import sample_points
from search_spaces.schema import SearchSpace
from tests.tuning.probes import COST, probe
from tuning.cluster.session import Resources
from tuning.forecast.estimate import Forecast, forecast
from tuning.forecast.prober import Cost
from tuning.home import optuna_storage_url
from tuning.plan import DEFAULT_SAMPLER
from tuning.search.searcher import StudySearch

pytestmark = pytest.mark.heavy

PAIRS = 1000


def space(reduction_factor: int = 3) -> SearchSpace:
    return SearchSpace.model_validate(
        {
            "description": "",
            "schedule": {
                "report_every": 10,
                "first_rung": 20,
                "reduction_factor": reduction_factor,
            },
            "fixed": {"training.epochs": 60},
            "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
        }
    )


def foretold(
    trials: int, *costs: Cost, at_once: int = 2, gpus: float = 0.0, of: SearchSpace | None = None
) -> Forecast:
    measured = probe(costs=costs or (COST,), start=5.0, throughput={1: 10.0, 2: 10.0})
    return forecast(of or space(), trials, measured, Resources(1.0, gpus, at_once), 1, pairs=PAIRS)


def test_without_stopping_it_is_arithmetic() -> None:
    # 60 epochs of 0.02 s, 6 evaluations of 0.01 s, 0.1 s of set-up.
    seconds = 60 * 0.02 + 6 * 0.01 + 0.1
    found = foretold(7)
    assert found.without_stopping.epochs == 7 * 60
    assert found.without_stopping.busy == pytest.approx(7 * seconds)
    assert found.without_stopping.wall == pytest.approx(5 + 4 * seconds)  # 7 in pairs
    assert found.device_hours_without_stopping == pytest.approx(7 * seconds / 3600)
    assert foretold(7, at_once=7).without_stopping.wall == pytest.approx(5 + seconds)


def test_trials_that_share_a_device_take_longer_and_a_part_of_it() -> None:
    alone = foretold(8, gpus=1.0)
    measured = probe(costs=(COST,), start=5.0, throughput={1: 10.0, 2: 16.0})
    shared = forecast(space(), 8, measured, Resources(1.0, 0.5, 2), 2, pairs=PAIRS)
    slower = 20 / 16
    assert shared.expected.busy == pytest.approx(slower * alone.expected.busy)
    assert shared.device_hours == pytest.approx(slower / 2 * alone.device_hours)
    assert shared.expected.epochs == alone.expected.epochs


def test_asha_lets_about_one_of_three_go_on() -> None:
    found = foretold(300)
    went_on = (found.expected.epochs / 300 - 20) / 40
    assert 1 / 3 < went_on < 0.4  # the first ones at a rung have nobody to be worse than
    assert foretold(300, of=space(reduction_factor=6)).expected.epochs < found.expected.epochs
    assert found.expected.wall < found.without_stopping.wall
    few = foretold(9)  # by chance a larger part of few trials goes on, or a smaller one
    shares = [one.spread.epochs / one.expected.epochs for one in (found, few)]
    assert 0 < shares[0] < shares[1]
    alone = foretold(1)
    assert alone.expected == alone.without_stopping
    assert alone.spread.epochs == 0


def test_a_spared_trial_is_not_stopped() -> None:
    start = replace(COST, is_start=True, epochs=60)
    spared, others = (
        foretold(20, *[replace(start, is_spared=is_spared)] * 20) for is_spared in (True, False)
    )
    assert spared.expected == spared.without_stopping
    assert others.expected.epochs < others.without_stopping.epochs
    one_spared = foretold(300, replace(start, is_spared=True))  # the others are drawn
    assert one_spared.expected.epochs < one_spared.without_stopping.epochs


def test_random_trials_cost_what_random_configurations_do() -> None:
    dear = replace(COST, is_start=True, epoch=10.0, epochs=60)
    found = foretold(10, dear, replace(COST, epoch=1.0), replace(COST, epoch=3.0))
    assert found.without_stopping.busy == pytest.approx(600 + 9 * 60 * 2, rel=0.15)


def test_disk_is_for_every_trial_and_the_new_checkpoints_of_running_ones() -> None:
    found = foretold(10, replace(COST, checkpoint=10**6))
    assert found.checkpoint_bytes == 12 * 10**6
    assert found.home_bytes > 11 * 10**6 + 4 * PAIRS


@pytest.mark.parametrize("sampler", ["tpe", DEFAULT_SAMPLER])
def test_the_points_that_are_measured_are_those_that_the_search_begins_with(
    home: Path, sampler: str
) -> None:
    of = load_space("full")
    search = StudySearch("a", of, sampler=sampler, seed=3, storage_url=optuna_storage_url())
    starts = of.start_points()
    for number, point in enumerate([*starts, *sample_points(of, 8, seed=3)]):
        assert search.suggest(str(number)) == point
