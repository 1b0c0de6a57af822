"""Ensembles: complementary models are combined, copies are not, and the scale does not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from model.data.synthetic import demo
from model.evaluation.ensemble import combined, evaluate, scale_free, select
from model.evaluation.folds import Fold
from model.evaluation.protocols import HONEST, development_folds


@pytest.fixture(scope="module")
def folds() -> tuple[Fold, ...]:
    return development_folds(demo(), HONEST, 0)


def _scores(folds: tuple[Fold, ...], signal: float, seed: int) -> list[np.ndarray]:
    """A model that sees a held-out association through noise of its own."""
    rng = np.random.default_rng(seed)
    out = []
    for fold in folds:
        n_held_out, n_unknown = fold.held_out.shape[1], fold.ranked_against.shape[1]
        noise = rng.normal(size=n_held_out + n_unknown)
        noise[:n_held_out] += signal
        out.append(noise)
    return out


def _auc(scores: list[np.ndarray], folds: tuple[Fold, ...]) -> float:
    return evaluate(scores, folds).summary()["auc"]


def test_models_that_err_differently_are_combined(folds: tuple[Fold, ...]) -> None:
    library = {f"model-{seed}": _scores(folds, 1.0, seed) for seed in range(4)}
    weights = select(library, folds, "auc")
    assert len(weights) == 4
    best = max(_auc(scores, folds) for scores in library.values())
    # Four independent views of one signal: the mean of them is twice as sharp.
    assert _auc(combined(library, weights), folds) > best + 0.05


def test_copies_add_nothing(folds: tuple[Fold, ...]) -> None:
    scores = _scores(folds, 1.0, 0)
    copies = {"a": scores, "b": [2 * fold + 1 for fold in scores], "c": list(scores)}
    assert select(copies, folds, "auc") == {"a": 1}


def test_a_model_without_signal_stays_out(folds: tuple[Fold, ...]) -> None:
    library = {"sees": _scores(folds, 3.0, 0), "blind": _scores(folds, -3.0, 1)}
    assert select(library, folds, "auc") == {"sees": 1}


def test_the_metric_that_is_asked_for_chooses(folds: tuple[Fold, ...]) -> None:
    """One model has half of them on top and no idea of the rest: AP takes it, AUC the other."""
    rng = np.random.default_rng(0)
    library: dict[str, list[np.ndarray]] = {"top": [], "whole": []}
    for fold in folds:
        n_held_out = fold.held_out.shape[1]
        noise = rng.normal(size=n_held_out + fold.ranked_against.shape[1])
        half, everywhere = noise.copy(), noise.copy()
        half[: n_held_out // 2] += 20
        everywhere[:n_held_out] += 1.2
        library["top"].append(half)
        library["whole"].append(everywhere)
    alone = {name: evaluate(scores, folds).summary() for name, scores in library.items()}
    assert alone["top"]["ap"] > alone["whole"]["ap"]
    assert alone["top"]["auc"] < alone["whole"]["auc"]
    assert select(library, folds, "ap") != select(library, folds, "auc")


@given(arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e6, 1e6)))
def test_scale_free_keeps_the_order_and_forgets_the_scale(scores: np.ndarray) -> None:
    np.testing.assert_array_equal(rankdata(scale_free(scores)), rankdata(scores))
    np.testing.assert_array_equal(scale_free(rankdata(scores)), scale_free(scores))


def test_the_weights_count(folds: tuple[Fold, ...]) -> None:
    library = {"a": _scores(folds, 1.0, 0), "b": _scores(folds, 1.0, 1)}
    twice = combined(library, {"a": 2, "b": 1})
    for mean, a, b in zip(twice, library["a"], library["b"], strict=True):
        np.testing.assert_allclose(mean, (2 * scale_free(a) + scale_free(b)) / 3)
