"""What a confirmation concludes: made-up results, nothing is trained."""

import numpy as np
import optuna
import pytest

from search_spaces.distributions import distributions
from search_spaces.loading import load_space, shipped_spaces
from tests.tuning.registry.verdicts import NOISE, measured
from tuning.record.finished_study import configuration_from_params
from tuning.registry.verdict import Measured, decide, may_be_champion, summary_row


def test_the_cheapest_of_the_tied_is_chosen() -> None:
    trials = [measured("a", 0.9, 9.0), measured("b", 0.899, 3.0), measured("c", 0.8, 1.0)]
    found = decide(trials, 0.25)
    assert found.best == "a"
    assert found.tied == ("a", "b")
    assert found.chosen == "b"
    by_name = {one.name: one for one in found.comparisons}
    assert by_name["c"].significant
    assert by_name["c"].difference == pytest.approx(0.1)


def test_every_comparison_counts_in_the_correction() -> None:
    """A difference that is significant alone is not so among twenty."""
    pair = [measured("a", 0.9), measured("b", 0.8865)]
    alone = decide(pair, 0.25).comparisons[0]
    assert alone.significant
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.02, (19, 25))
    others = [
        Measured(f"other {k}", "trial", 0.899 + one - one.mean(), one, 1.0)
        for k, one in enumerate(noise)
    ]
    among = next(one for one in decide([*pair, *others], 0.25).comparisons if one.name == "b")
    assert among.p_value == pytest.approx(alone.p_value, rel=1e-3)
    assert not among.significant


def test_a_baseline_wins_only_if_it_is_significantly_better() -> None:
    trials = [measured("a", 0.8), measured("b", 0.79)]
    better = measured("ridge", 0.9, kind="baseline")
    luckier = measured("degree", 0.8001, kind="baseline")
    worse = measured("popularity", 0.6, kind="baseline")
    assert decide([*trials, better, luckier, worse], 0.25).winning_baselines == ("ridge",)
    assert decide([*trials, worse], 0.25).winning_baselines == ()


def test_a_diverged_configuration_is_no_candidate() -> None:
    nan = np.full(25, np.nan)
    diverged = Measured("d", "trial", nan, nan, 0.1, development_score=0.95)
    assert decide([measured("a", 0.8), diverged], 0.25).tied == ("a",)
    assert summary_row(diverged, 0.25)["confirmed_auc"] is None
    with pytest.raises(ValueError, match="finite"):
        decide([diverged], 0.25)


def test_optimism_is_development_minus_confirmed() -> None:
    assert summary_row(measured("a", 0.8), 0.25)["optimism"] == pytest.approx(0.02)


def test_who_may_be_champion() -> None:
    tags = {"data_hash": "x", "protocol": "honest", "fresh_auc": "0.8", "fresh_auc_se": "0.01"}
    weak, close = {**tags, "fresh_auc": "0.75"}, {**tags, "fresh_auc": "0.78"}
    unconfirmed = {"data_hash": "x", "protocol": "honest"}
    assert may_be_champion(2, tags, None, {}, ())[0]
    assert may_be_champion(2, tags, 1, unconfirmed, ())[0]
    assert may_be_champion(2, tags, 1, weak, ())[0]
    assert not may_be_champion(2, tags, 1, close, ())[0]
    assert may_be_champion(2, tags, 1, {**close, "data_hash": "y"}, ())[0]
    assert may_be_champion(2, tags, 1, {**close, "protocol": "paper"}, ())[0]
    for present, present_tags in ((None, {}), (1, unconfirmed), (1, weak), (2, tags)):
        assert not may_be_champion(2, tags, present, present_tags, ("ridge",))[0]


@pytest.mark.parametrize("name", shipped_spaces())
def test_a_configuration_survives_the_record(name: str) -> None:
    """MLflow keeps parameters as text; every point of every shipped space comes back as it was."""
    space = load_space(name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    points = [study.ask(distributions(space)).params for _ in range(50)]
    for point in [*points, *space.start_points()]:
        configuration = space.configuration(point)
        logged = {key: str(value) for key, value in configuration.dotted().items()}
        assert configuration_from_params(logged) == configuration
        assert configuration_from_params(logged).dotted() == configuration.dotted()


def test_the_best_of_the_cheap_is_chosen_whatever_the_clock_says() -> None:
    """1.1 s and 1.0 s are the same price; 2 s are not."""
    trials = [measured("a", 0.9, 2.0), measured("b", 0.8999, 1.1), measured("c", 0.8998, 1.0)]
    verdict = decide(trials, 0.25)
    assert verdict.tied == ("a", "b", "c")
    assert verdict.chosen == "b"


def test_the_chosen_one_too_is_compared_with_the_baselines() -> None:
    """The best is as good as the baseline; the cheap one, tied with the best, is beaten by it."""
    wide, narrow = NOISE[0] - NOISE[0].mean(), NOISE[1] - NOISE[1].mean()
    best = Measured("a", "trial", 0.8 + 4 * wide, wide, 9.0, 0.8)
    cheap = Measured("b", "trial", 0.79 + narrow, narrow, 1.0, 0.8)
    ridge = Measured("ridge", "baseline", 0.799 + narrow + 0.1 * wide, narrow, None)
    verdict = decide([best, cheap, ridge], 0.25)
    assert (verdict.best, verdict.tied, verdict.chosen) == ("a", ("a", "b"), "b")
    (of_ridge,) = (one for one in verdict.comparisons if one.name == "ridge")
    assert not of_ridge.significant
    assert {one.name for one in verdict.chosen_comparisons} == {"a", "ridge"}
    (of_ridge,) = (one for one in verdict.chosen_comparisons if one.name == "ridge")
    assert of_ridge.difference == pytest.approx(-0.009)
    assert verdict.winning_baselines == ("ridge",)
