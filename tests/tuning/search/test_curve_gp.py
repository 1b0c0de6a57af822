"""The sampler that reads curves: it learns from trials that were stopped, and from running ones."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from tuning.ending import Ending
from tuning.search.curve_gp import STARTUP, CurveGPSampler, completed, known_trials, posterior
from tuning.search.resumption import ENDED

SPACE: dict[str, BaseDistribution] = {"a": FloatDistribution(0, 1), "b": FloatDistribution(0, 1)}


def curve(final: float, until: int) -> dict[int, float]:
    """A straight climb from half the final score to all of it at epoch 100."""
    return {epoch: final * part(epoch) for epoch in range(20, until + 1, 20)}


def part(epoch: int) -> float:
    return 0.5 + epoch / 200


def test_a_stopped_trial_is_taken_to_go_on_as_the_others_did() -> None:
    finals = np.linspace(0.5, 0.9, 30)
    curves = [*(curve(one, 100) for one in finals), curve(0.6, 40), curve(0.8, 40)]
    scores = [*finals.tolist(), 0.6 * part(40), 0.8 * part(40)]
    told = completed(curves, scores)
    assert told[:30].tolist() == finals.tolist()
    # As told, both would rank below every trial that went on.
    assert told[30] == pytest.approx(0.6, abs=0.05)
    assert told[31] == pytest.approx(0.8, abs=0.05)


def test_a_trial_without_a_curve_keeps_its_score() -> None:
    assert completed([{}, curve(0.5, 100), curve(0.5, 40)], [0.1, 0.5, 0.2])[:2].tolist() == [
        0.1,
        0.5,
    ]


def trial(a: float, score: float, *, state: TrialState, until: int = 100) -> FrozenTrial:
    return create_trial(
        state=state,
        value=score * part(until) if state is TrialState.COMPLETE else None,
        params={"a": a, "b": 0.5},
        distributions=SPACE,
        intermediate_values=curve(score, until) if until else {},
    )


def test_running_trials_count_with_what_they_have_shown() -> None:
    known = known_trials(
        [
            trial(0.1, 0.5, state=TrialState.COMPLETE),
            trial(0.2, 0.9, state=TrialState.RUNNING, until=40),
            trial(0.3, 0.0, state=TrialState.RUNNING, until=0),
        ]
    )
    assert [one.params["a"] for one in known.pending] == [0.3]
    assert {one.params["a"] for one in known.scored} == {0.1, 0.2}


def test_a_diverged_trial_is_as_bad_as_the_worst_however_good_it_was() -> None:
    for value, state in ((0.5, TrialState.COMPLETE), (None, TrialState.PRUNED)):
        diverged = create_trial(
            state=state,
            value=value,
            params={"a": 0.9, "b": 0.5},
            distributions=SPACE,
            intermediate_values=curve(2.0, 80),
            user_attrs={ENDED: Ending.FAILED.value},
        )
        others = [trial(a, 0.5 + a, state=TrialState.COMPLETE) for a in (0.1, 0.3)]
        known = known_trials([diverged, *others])
        assert known.final.min() == known.final[known.scored.index(diverged)] == 0.6


def test_the_process_knows_where_it_has_looked_and_where_it_will() -> None:
    x, y = np.array([[0.0], [1.0]]), np.array([-1.0, 1.0])
    at, none = np.array([[0.0], [0.5], [1.0]]), np.empty((0, 1))
    mean, sd = posterior(x, y, none, at)
    assert mean[0] < mean[1] < mean[2]
    assert sd[1] > sd[0]
    same, narrower = posterior(x, y, np.array([[0.5]]), at)
    np.testing.assert_allclose(same, mean)
    assert narrower[1] < sd[1]


def searched(
    sampler: BaseSampler, *, stops: bool = False, sign: float = 1.0, trials: int = 40
) -> list[float]:
    """Final scores of the trials of a search over six numbers, 1 at best.

    Args:
        stops: three of four trials end at epoch 40, and are told with their score there.
        sign: -1 for a study that minimises.
    """
    study = optuna.create_study(sampler=sampler, direction="maximize" if sign > 0 else "minimize")
    found = []
    for number in range(trials):
        asked = study.ask({f"x{place}": FloatDistribution(0, 1) for place in range(6)})
        final = 1 - float(np.mean([(value - 0.3) ** 2 for value in asked.params.values()])) * 4
        found.append(final)
        until = 40 if stops and number % 4 else 100
        for epoch, value in curve(final, until).items():
            asked.report(sign * value, epoch)
        study.tell(asked, sign * final * part(until))
    return found


@pytest.mark.parametrize("stops", [False, True])
def test_it_finds_what_random_points_do_not(stops: bool) -> None:
    """Also where most trials are stopped, so that the best ones are not those told as best."""
    seeds = range(3)
    best = [max(searched(CurveGPSampler(seed), stops=stops)) for seed in seeds]
    of_random = [max(searched(RandomSampler(seed), stops=stops)) for seed in seeds]
    assert min(best) > max(of_random)


def test_scores_may_be_minimised() -> None:
    as_maximised = searched(CurveGPSampler(0), stops=True)
    assert searched(CurveGPSampler(0), stops=True, sign=-1) == as_maximised


def test_places_side_by_side_get_different_points() -> None:
    study = optuna.create_study(sampler=CurveGPSampler(0), direction="maximize")
    for _ in range(STARTUP):
        asked = study.ask(SPACE)
        study.tell(asked, asked.params["a"])
    points = np.array([[*study.ask(SPACE).params.values()] for _ in range(8)])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert distances[~np.eye(8, dtype=bool)].min() > 0.01
