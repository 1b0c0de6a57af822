"""What a confirmation concludes: made-up results, nothing is trained."""

from dataclasses import replace

import numpy as np
import pytest

from search_spaces.loading import load_space, shipped_spaces
from search_spaces.sampling import sample_points
from tests.tuning.registry.verdicts import NOISE, measured
from tuning.record.finished_study import configuration_from_params
from tuning.registry.verdict import MARGIN, Measured, decide, summary_row


def test_the_simplest_within_the_margin_is_chosen() -> None:
    trials = [measured("a", 0.9, 9000), measured("b", 0.899, 3000), measured("c", 0.8, 10)]
    found = decide(trials, 0.25)
    assert found.best == "a"
    assert found.within_margin == ("a", "b")
    assert (found.chosen, found.margin) == ("b", MARGIN)
    by_name = {one.name: one for one in found.comparisons}
    assert by_name["c"].significant
    assert by_name["c"].difference == pytest.approx(0.1)


def test_not_significantly_worse_is_no_reason_to_be_chosen() -> None:
    """Few splits tell nothing apart: a simple model far behind is tied, and is not chosen."""
    wide = 5 * (NOISE[0] - NOISE[0].mean())
    best = Measured("a", "trial", 0.9 + wide, wide, 1.0, weights=9000)
    behind = Measured("b", "trial", 0.9 - 5 * MARGIN - wide, wide, 1.0, weights=10)
    found = decide([best, behind], 0.25)
    assert found.tied == ("a", "b")
    assert found.within_margin == ("a",)
    assert found.chosen == "a"


@pytest.mark.parametrize(("gap", "chosen"), [(0.99 * MARGIN, "b"), (1.01 * MARGIN, "a")])
def test_the_margin_is_what_it_says(gap: float, chosen: str) -> None:
    trials = [measured("a", 0.9, 9000), measured("b", 0.9 - gap, 10)]
    assert decide(trials, 0.25).chosen == chosen


def test_of_equally_simple_ones_the_best_is_chosen() -> None:
    trials = [measured("a", 0.9, 9000), measured("b", 0.8995, 10), measured("c", 0.899, 10)]
    assert decide(trials, 0.25).chosen == "b"


def test_a_busy_machine_chooses_nothing() -> None:
    """Whatever the clock says of any configuration, the choice is the same."""
    rng = np.random.default_rng(0)
    trials = [measured(name, 0.9 - k / 2000, 1000 * (3 - k)) for k, name in enumerate("abc")]
    verdicts = {
        decide([replace(one, seconds=float(rng.uniform(0.1, 100))) for one in trials], 0.25)
        for _ in range(20)
    }
    assert {one.chosen for one in verdicts} == {"c"}
    assert len(verdicts) == 1


def test_baselines_widen_no_tie_of_trials() -> None:
    """B is significantly behind A, and stays so however many baselines are measured beside them."""
    pair = [measured("a", 0.9, 9000), measured("b", 0.8865, 10)]
    alone = decide(pair, 0.25)
    assert alone.tied == ("a",)
    (of_b,) = alone.comparisons
    assert 0.05 / 7 < of_b.p_value < 0.05
    # None of them differs from A, so in one family B's p-value would count seven times.
    baselines = [measured(f"baseline {k}", 0.9, kind="baseline") for k in range(6)]
    found = decide([*pair, *baselines], 0.25)
    assert "b" not in found.tied
    assert next(one for one in found.comparisons if one.name == "b") == of_b


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


def test_a_baseline_is_ahead_if_its_mean_is_higher() -> None:
    baselines = [
        measured("ridge", 0.9, kind="baseline"),
        measured("degree", 0.8001, kind="baseline"),
        measured("popularity", 0.7999, kind="baseline"),
    ]
    found = decide([measured("a", 0.8), *baselines], 0.25)
    assert found.baselines_ahead == ("ridge", "degree")
    assert found.winning_baselines == ("ridge",)


def test_a_diverged_configuration_is_no_candidate() -> None:
    nan = np.full(25, np.nan)
    diverged = Measured("d", "trial", nan, nan, 0.1, development_score=0.95)
    assert decide([measured("a", 0.8), diverged], 0.25).tied == ("a",)
    assert summary_row(diverged, 0.25)["confirmed_auc"] is None
    with pytest.raises(ValueError, match="finite"):
        decide([diverged], 0.25)


def test_optimism_is_development_minus_confirmed() -> None:
    assert summary_row(measured("a", 0.8), 0.25)["optimism"] == pytest.approx(0.02)


@pytest.mark.parametrize("name", shipped_spaces())
def test_a_configuration_survives_the_record(name: str) -> None:
    """MLflow keeps parameters as text; every point of every shipped space comes back as it was."""
    space = load_space(name)
    for point in [*sample_points(space, 50, seed=0), *space.start_points()]:
        configuration = space.configuration(point)
        logged = {key: str(value) for key, value in configuration.dotted().items()}
        assert configuration_from_params(logged) == configuration
        assert configuration_from_params(logged).dotted() == configuration.dotted()


def test_the_chosen_one_too_is_compared_with_the_baselines() -> None:
    """The best is as good as the baseline; the simple one, near the best, is beaten by it."""
    wide, narrow = NOISE[0] - NOISE[0].mean(), NOISE[1] - NOISE[1].mean()
    best = Measured("a", "trial", 0.8 + 4 * wide, wide, 1.0, 0.8, weights=9)
    simple = Measured("b", "trial", 0.7985 + narrow, narrow, 1.0, 0.8, weights=1)
    ridge = Measured("ridge", "baseline", 0.8075 + narrow + 0.1 * wide, narrow, None)
    verdict = decide([best, simple, ridge], 0.25)
    assert (verdict.best, verdict.tied, verdict.chosen) == (
        "a",
        ("ridge", "a", "b"),
        "b",
    )
    (of_ridge,) = (one for one in verdict.comparisons if one.name == "ridge")
    assert not of_ridge.significant
    assert {one.name for one in verdict.chosen_comparisons} == {"a", "ridge"}
    (of_ridge,) = (one for one in verdict.chosen_comparisons if one.name == "ridge")
    assert of_ridge.difference == pytest.approx(-0.009)
    assert verdict.winning_baselines == ("ridge",)
