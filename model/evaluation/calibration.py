"""From scores to probabilities, calibrated on held-out associations.

What a probability says: were as many associations hidden among the unknown pairs as one fold holds
out, this share of the pairs with this score would be hidden associations. Nobody knows how many
real ones are hidden there, so it is no share of true associations; where more are still to be
found, it is too low by about that factor.

Shape legend: M rows, S columns, K folds, H held-out associations, U unknown pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

BINS = 10
_NO_PENALTY = 1e6  # two numbers fitted to tens of thousands of pairs need none


@dataclass(frozen=True, eq=False)
class FoldScores:
    """One fold's model on what it has not trained on: (H,) and (U,) standardised logits."""

    held_out: np.ndarray
    unknown: np.ndarray

    @classmethod
    def of(
        cls,
        probability: np.ndarray,
        held_out: np.ndarray,
        unknown: np.ndarray,
        never_ranked: np.ndarray,
    ) -> FoldScores:
        """From a model's (M, S) scores and three (M, S) masks.

        Args:
            never_ranked: sealed associations, which are among the unknown pairs. They are scored as
                those are, to be on the same scale, but count neither as associations nor as others:
                as others they would make the best pairs look worse than they are.
        """
        z = standardised(probability, unknown)
        return cls(z[held_out], z[unknown & ~never_ranked])


@dataclass(frozen=True)
class ReliabilityBin:
    """Pairs of similar predicted probability, and what share of them was held-out associations."""

    pairs: int
    associations: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


@dataclass(frozen=True)
class Reliability:
    """How well probabilities hold for folds that the map was not fitted to.

    Args:
        brier: mean squared error; ``brier_constant`` is that of predicting the base rate for all.
        expected_error: mean over pairs of |observed - predicted| of their bin (ECE).
        bins: by predicted probability, each with about the same number of expected associations;
            intervals are Wilson's, 95 %, as if pairs were independent, which they are not quite.
    """

    base_rate: float
    brier: float
    brier_constant: float
    log_loss: float
    log_loss_constant: float
    expected_error: float
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Calibration:
    """The map from a model's scores to probabilities: strictly increasing, so ranks stay.

    Args:
        slope, intercept: of the log-odds in the standardised logit (Platt 1999).
        base_rate: share of held-out associations among all pairs of a fold.
        reliability: None where there is a single fold, to which the map itself was fitted.
    """

    slope: float
    intercept: float
    base_rate: float
    reliability: Reliability | None

    def probabilities(self, scores: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        """(M, S) probabilities from a model's (M, S) scores; ``unknown`` marks unknown pairs."""
        probabilities: np.ndarray = expit(
            self.slope * standardised(scores, unknown) + self.intercept
        )
        return probabilities


def standardised(probability: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """(M, S) logits of which the unknown pairs have mean 0 and sd 1.

    The scale of the logits differs between trainings, and the final model is trained on more pairs
    than the folds' models. The map is therefore fitted and used on scores relative to unknown ones.
    """
    tiny = np.finfo(np.float64).tiny
    logits: np.ndarray = logit(np.clip(probability, tiny, 1 - np.finfo(np.float64).epsneg))
    z: np.ndarray = (logits - logits[unknown].mean()) / max(logits[unknown].std(), 1e-12)
    return z


def calibrate(folds: Sequence[FoldScores]) -> Calibration:
    """Fit the map on all folds; measure it on each fold with the map of the others."""
    slope, intercept = _fit(folds)
    pairs = sum(len(fold.held_out) + len(fold.unknown) for fold in folds)
    base_rate = sum(len(fold.held_out) for fold in folds) / pairs
    return Calibration(slope, intercept, base_rate, _reliability(folds) if folds[1:] else None)


def _fit(folds: Sequence[FoldScores]) -> tuple[float, float]:
    # Imported where it is used: a command that only shows a model needs no scikit-learn.
    from sklearn.linear_model import LogisticRegression

    z, labels = _joined(folds)
    model = LogisticRegression(C=_NO_PENALTY).fit(z[:, None], labels)
    # A model that ranks associations last would turn the order round: then all pairs are alike.
    return max(float(model.coef_[0, 0]), 1e-6), float(model.intercept_[0])


def _joined(folds: Sequence[FoldScores]) -> tuple[np.ndarray, np.ndarray]:
    z = np.concatenate([np.concatenate((fold.held_out, fold.unknown)) for fold in folds])
    labels = [np.repeat([1, 0], [len(fold.held_out), len(fold.unknown)]) for fold in folds]
    return z, np.concatenate(labels)


def _reliability(folds: Sequence[FoldScores]) -> Reliability:
    predicted, labels = [], []
    for k, fold in enumerate(folds):
        slope, intercept = _fit([other for j, other in enumerate(folds) if j != k])
        z, of_fold = _joined([fold])
        predicted.append(expit(slope * z + intercept))
        labels.append(of_fold)
    return measure(np.concatenate(predicted), np.concatenate(labels))


def measure(predicted: np.ndarray, labels: np.ndarray) -> Reliability:
    """Hold (P,) probabilities against (P,) 0/1 labels."""
    from scipy.stats import binomtest
    from sklearn.metrics import brier_score_loss, log_loss

    base_rate = float(labels.mean())
    constant = np.full(len(labels), base_rate)
    # scikit-learn's `calibration_curve` bins by width or by number of pairs, and keeps no counts,
    # which the intervals need. Most pairs are near 0: by number, nine bins would look alike.
    order = np.argsort(predicted, kind="stable")
    expected = np.cumsum(predicted[order])
    number = np.minimum((BINS * expected / expected[-1]).astype(int), BINS - 1)
    bins = []
    for index in range(BINS):
        inside = order[number == index]
        if len(inside):
            hits = int(labels[inside].sum())
            interval = binomtest(hits, len(inside)).proportion_ci(method="wilson")
            bins.append(
                ReliabilityBin(
                    pairs=len(inside),
                    associations=hits,
                    predicted=float(predicted[inside].mean()),
                    observed=hits / len(inside),
                    observed_low=float(interval.low),
                    observed_high=float(interval.high),
                )
            )
    gaps = [one.pairs * abs(one.observed - one.predicted) for one in bins]
    return Reliability(
        base_rate=base_rate,
        brier=float(brier_score_loss(labels, predicted)),
        brier_constant=float(brier_score_loss(labels, constant)),
        log_loss=float(log_loss(labels, predicted)),
        log_loss_constant=float(log_loss(labels, constant)),
        expected_error=float(sum(gaps) / len(labels)),
        bins=tuple(bins),
    )
