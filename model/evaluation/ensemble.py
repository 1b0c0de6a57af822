"""Ensembles of different models, chosen by what each scored out of fold.

Greedy selection with replacement (Caruana et al. 2004): begin with the best model, add the one
whose share in the mean raises the score most, as often as it does, and stop when none does. A model
that is much like those chosen adds nothing, so it is difference that gets chosen.

Scores of different models have different scales, and those of a baseline are no probabilities. So
each model's scores of a fold are replaced by the logits of their ranks before they are averaged.

Shape legend: K folds, H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import logit
from scipy.stats import rankdata

from model.evaluation.metrics.ranked import RankedFold
from model.evaluation.metrics.table import METRICS, ranking_metrics
from model.evaluation.protocols import Fold
from model.evaluation.result import Evaluation

# Of each fold (H + U,) scores, those of held-out associations first.
OutOfFold = Sequence[np.ndarray]

MAX_DRAWS = 20  # members with their repetitions; more change a mean by less than a twentieth


def scale_free(scores: np.ndarray) -> np.ndarray:
    """Logits of ranks: (P,) any scores to (P,) with the same order on one scale; ties stay ties."""
    shares: np.ndarray = logit(rankdata(scores) / (len(scores) + 1))
    return shares


def combined(library: Mapping[str, OutOfFold], weights: Mapping[str, int]) -> list[np.ndarray]:
    """The scores of an ensemble: per fold (H + U,), the weighted mean of its members' `scale_free`.

    Args:
        weights: how often each member was chosen.
    """
    total = sum(weights.values())
    of_members = [
        [weight * scale_free(scores) for scores in library[name]]
        for name, weight in weights.items()
    ]
    return [np.sum(of_fold, axis=0) / total for of_fold in zip(*of_members, strict=True)]


def select(library: Mapping[str, OutOfFold], folds: Sequence[Fold], metric: str) -> dict[str, int]:
    """Choose an ensemble by the development folds, the only ones that it may be given.

    The score of the chosen on these folds is optimistic, the more so the larger the library: only
    other splits tell what it is worth.

    Args:
        library: of each model what it scored out of fold; all finite.
        folds: those that the scores are of.
        metric: of `METRICS`, the mean over the folds of which is to be high.

    Returns:
        How often each member was chosen, most often first. One member if none adds anything.
    """
    scores = {name: [scale_free(fold) for fold in of_folds] for name, of_folds in library.items()}
    alone = {name: _mean(of_folds, folds, metric) for name, of_folds in scores.items()}
    first = max(alone, key=alone.__getitem__)
    weights, best, total = {first: 1}, alone[first], scores[first]
    for _ in range(MAX_DRAWS - 1):
        sums = {
            name: [one + other for one, other in zip(total, of_folds, strict=True)]
            for name, of_folds in scores.items()
        }
        with_it = {name: _mean(of_folds, folds, metric) for name, of_folds in sums.items()}
        added = max(with_it, key=with_it.__getitem__)
        if not with_it[added] > best:
            break
        weights[added] = weights.get(added, 0) + 1
        best, total = with_it[added], sums[added]
    return dict(sorted(weights.items(), key=lambda item: -item[1]))


def evaluate(scores: OutOfFold, folds: Sequence[Fold]) -> Evaluation:
    """Each fold's metrics of scores that are no probabilities."""
    results = []
    for of_fold, fold in zip(scores, folds, strict=True):
        held_out, unknown = np.split(of_fold, [fold.held_out.shape[1]])
        pairs = (fold.held_out, fold.ranked_against)
        results.append(
            ranking_metrics(held_out, unknown, pairs=pairs, threshold=None, balance=fold.balance)
        )
    return Evaluation(tuple(results))


def _mean(scores: OutOfFold, folds: Sequence[Fold], metric: str) -> float:
    values = []
    for of_fold, fold in zip(scores, folds, strict=True):
        held_out, unknown = np.split(of_fold, [fold.held_out.shape[1]])
        ranked = RankedFold(
            held_out=held_out,
            unknown=unknown,
            pairs=(fold.held_out, fold.ranked_against),
            balance=fold.balance,
        )
        values.append(METRICS[metric].plain(ranked))
    return float(np.mean(values))
