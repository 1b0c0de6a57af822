"""The contract of a metric: an entry of `METRICS`.

A contract is a class of tests that asks for ``kind``, a name of its table. Give it the names, and
what the metric should be, computed in another way than its entry does:

    @pytest.mark.parametrize("kind", ["mine"])
    class TestMine(MetricContract):
        def expected(self, kind: str, fold: RankedFold) -> float: ...
"""

import dataclasses
import math

import numpy as np
import pytest
import torch

from model.data.kinds import MIRNA, Kind, in_words_of
from model.evaluation.metrics.ranked import RankedFold
from model.evaluation.metrics.ranked_folds import RankedFolds
from model.evaluation.metrics.ranked_pairs import RankedPairs
from model.evaluation.metrics.table import METRICS, fold_metrics, ranking_metrics
from tests.model.training.batched.waits import waits


def random_folds(seed: int, count: int) -> list[RankedFold]:
    """Folds of one balance and of different sizes, down to one pair a side; most have ties.

    Every fourth time they are larger than any top of the list that a metric looks at.
    """
    rng = np.random.default_rng(seed)
    decimals = int(rng.integers(1, 4))
    most = [12, 40] if seed % 4 else [120, 400]
    return [
        RankedFold(
            held_out=rng.random(n_held_out).round(decimals),
            unknown=rng.random(n_unknown).round(decimals),
            pairs=(node_pairs(rng, n_held_out), node_pairs(rng, n_unknown)),
            threshold=0.5,
            balance=("1:1", "as is")[seed % 2],
        )
        for n_held_out, n_unknown in rng.integers(1, most, size=(count, 2))
    ]


def node_pairs(rng: np.random.Generator, count: int) -> np.ndarray:
    """(2, count) pairs of one of four miRNAs and one of five small molecules."""
    return np.stack((rng.integers(4, size=count), rng.integers(4, 9, size=count)))


def plain(kind: str, fold: RankedFold) -> float:
    fields = {field.name: getattr(fold, field.name) for field in dataclasses.fields(fold)}
    return ranking_metrics(**fields)[kind]


def on_device(folds: list[RankedFold]) -> RankedFolds:
    held_out, unknown = ([fold.pairs[side] for fold in folds] for side in (0, 1))
    return RankedFolds(
        held_out=[torch.as_tensor(fold.held_out) for fold in folds],
        unknown=[torch.as_tensor(fold.unknown) for fold in folds],
        pairs=RankedPairs(held_out, unknown),
        threshold=folds[0].threshold,
        balance=folds[0].balance,
    )


def batched(kind: str, folds: list[RankedFold]) -> list[float]:
    ranked = on_device(folds)
    fields = {field.name: getattr(ranked, field.name) for field in dataclasses.fields(ranked)}
    return [values[kind] for values in fold_metrics(**fields)]


class MetricContract:
    def expected(self, kind: str, fold: RankedFold) -> float:
        """What the metric should be; scikit-learn's where it has it. NaN where it is undefined."""
        raise NotImplementedError

    @pytest.mark.filterwarnings("error")
    def test_it_is_what_it_should_be(self, kind: str) -> None:
        for seed in range(200):
            (fold,) = random_folds(seed, 1)
            found = METRICS[kind].plain(fold)
            assert found == pytest.approx(self.expected(kind, fold), abs=1e-9, nan_ok=True)

    def test_folds_at_once_are_each_on_its_own(self, kind: str) -> None:
        for seed in range(100):
            folds = random_folds(seed, 1 + seed % 4)
            expected = [METRICS[kind].plain(fold) for fold in folds]
            assert batched(kind, folds) == pytest.approx(expected, abs=1e-9, nan_ok=True)

    def test_the_order_of_pairs_does_not_matter(self, kind: str) -> None:
        (fold,) = random_folds(0, 1)
        turned = dataclasses.replace(
            fold,
            held_out=fold.held_out[::-1],
            unknown=fold.unknown[::-1],
            pairs=tuple(side[:, ::-1] for side in fold.pairs),
        )
        assert plain(kind, turned) == pytest.approx(plain(kind, fold), abs=1e-12)

    def test_higher_is_better(self, kind: str) -> None:
        """A ranking without a mistake scores more than the same one upside down."""
        rng = np.random.default_rng(0)
        high, low = rng.uniform(0.6, 1, 150), rng.uniform(0, 0.4, 150)
        pairs = node_pairs(rng, 150), node_pairs(rng, 150)
        right = RankedFold(held_out=high, unknown=low, pairs=pairs, threshold=0.5)
        wrong = dataclasses.replace(right, held_out=low, unknown=high)
        assert plain(kind, right) > plain(kind, wrong)

    @pytest.mark.parametrize("score", [math.nan, math.inf])
    def test_a_score_that_is_not_finite_makes_it_nan(self, kind: str, score: float) -> None:
        whole, diverged, other = random_folds(0, 3)
        for side in ("held_out", "unknown"):
            spoilt = getattr(diverged, side).copy()
            spoilt[0] = score
            bad = dataclasses.replace(diverged, **{side: spoilt})
            assert math.isnan(plain(kind, bad))
            found = batched(kind, [whole, bad, other])
            assert math.isnan(found[1])
            assert found[::2] == pytest.approx([plain(kind, whole), plain(kind, other)])

    def test_it_is_nan_where_what_it_needs_is_not_known(self, kind: str) -> None:
        metric = METRICS[kind]
        folds = random_folds(0, 2)
        for field, needed in (("threshold", metric.needs_threshold), ("pairs", metric.needs_pairs)):
            without = dataclasses.replace(folds[0], **{field: None})
            assert math.isnan(plain(kind, without)) == needed

    def test_its_batched_form_waits_for_no_device(self, kind: str) -> None:
        form = METRICS[kind].batched
        if form is None:
            pytest.skip("it has no batched form")
        folds = on_device(random_folds(0, 3))
        with waits() as found:
            form(folds)
        assert found == []

    def test_it_says_what_it_is(self, kind: str) -> None:
        metric = METRICS[kind]
        assert metric.meaning
        assert "\n" not in metric.meaning
        assert 0 < len(in_words_of(metric.label, (MIRNA, Kind("SM", "SMs")))) <= 12
