"""The rule that reads the number of epochs off a curve."""

import math

from hypothesis import given
from hypothesis import strategies as st

from model.data.datasets import AssociationDataset
from model.evaluation.epoch_choice import WINDOW, Choice, choose_epoch, may_be_chosen
from model.evaluation.protocols import PROTOCOLS, development_folds
from model.training.cross_validation import CrossValidation
from tests.model.options import configuration

SCORES = st.lists(st.floats(-1, 1) | st.just(math.nan), max_size=20)


def curve(scores: list[float]) -> dict[int, float]:
    return {10 * (place + 1): score for place, score in enumerate(scores)}


def test_the_highest_window_is_chosen_and_the_score_is_the_value_in_its_middle() -> None:
    noisy = curve([0.5, 0.99, 0.5, 0.6, 0.7, 0.8, 0.75, 0.8, 0.7, 0.5])
    assert choose_epoch(noisy) == Choice(70, 0.75)
    assert choose_epoch(curve([0.5, 0.6, 0.7, 0.8, 0.9])) == Choice(50, 0.9)
    assert choose_epoch(curve([0.9, 0.8, 0.7, 0.6, 0.5])) == Choice(10, 0.9)


def test_short_curves_are_cut_at_their_end() -> None:
    """Their windows are all the whole curve, so none is the best."""
    assert choose_epoch({}) is None
    assert choose_epoch({40: 0.7}) == Choice(40, 0.7)
    assert choose_epoch(curve([0.7, 0.6])) == Choice(20, 0.6)
    assert choose_epoch(curve([0.8, 0.7, 0.75])) == Choice(30, 0.75)


def test_a_curve_without_a_finite_score_chooses_nothing() -> None:
    assert choose_epoch({10: math.nan, 20: math.inf}) is None


def test_the_order_in_which_a_curve_is_given_does_not_matter() -> None:
    values = curve([0.5, 0.6, 0.9, 0.4, 0.7, 0.7])
    assert choose_epoch(dict(reversed(values.items()))) == choose_epoch(values)


@given(SCORES)
def test_it_is_a_point_of_the_curve_and_never_better_than_the_best(scores: list[float]) -> None:
    choice = choose_epoch(curve(scores))
    finite = [score for score in scores if math.isfinite(score)]
    assert (choice is None) == (not finite)
    if choice:
        assert curve(scores)[choice.epoch] == choice.score <= max(finite)


@given(SCORES, st.integers(0, 5))
def test_reports_that_are_not_finite_change_nothing(scores: list[float], more: int) -> None:
    assert choose_epoch(curve(scores + [math.nan] * more)) == choose_epoch(curve(scores))


@given(SCORES)
def test_a_choice_stays_unless_a_later_report_moves_it_within_reach(scores: list[float]) -> None:
    """A report changes the windows of the last few epochs alone."""
    if any(map(math.isnan, scores)) or len(scores) < WINDOW:
        return
    before, after = choose_epoch(curve(scores[:-1])), choose_epoch(curve(scores))
    assert before
    assert after
    reach = 10 * (len(scores) - WINDOW // 2)  # the first epoch whose window has the report in it
    assert after == before or after.epoch >= reach or before.epoch >= reach


def test_the_chosen_score_is_that_of_a_training_of_so_many_epochs(
    tiny: AssociationDataset,
) -> None:
    """Bit for bit, whatever was to come after: training does not know how long it goes on."""
    folds = development_folds(tiny, PROTOCOLS["honest"], seed=0)
    longest = configuration(**{"training.epochs": 14, "features.associations": "gip"})
    reported = CrossValidation(longest, tiny, folds, seed=0)
    scores = {}
    while reported.epoch < longest.training.epochs:
        reported.train(2)
        scores[reported.epoch] = reported.evaluate().summary()["auc"]
    choice = choose_epoch(scores)
    assert choice
    for epoch, score in scores.items():
        alone = configuration(**{"training.epochs": epoch, "features.associations": "gip"})
        straight = CrossValidation(alone, tiny, folds, seed=0)
        straight.train(alone.training.epochs)
        assert straight.evaluate().summary()["auc"] == score


@given(SCORES)
def test_the_epoch_that_is_chosen_at_the_end_could_be_chosen_all_along(scores: list[float]) -> None:
    """Whoever keeps what may be chosen, report by report, has at the end what is chosen."""
    kept: set[int] = set()
    for number in range(1, len(scores) + 1):
        so_far = curve(scores[:number])
        kept = {*kept, max(so_far)} & may_be_chosen(so_far)
        assert len(kept) <= 1 + WINDOW // 2
        choice = choose_epoch(so_far)
        assert choice is None or choice.epoch in kept
