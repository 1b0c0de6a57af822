"""What is found at the top of the list of all ranked pairs, held-out and unknown ones together.

Pairs of one score are in no order: where the list is cut within a tie, each of the tied pairs has
the same chance to be above the cut, and the figure is the expected one.

Unlike the AUC and AP at 1:1, all of these depend on how many pairs are ranked: they compare models
on the same folds, never data sets or protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from model.evaluation.metrics.interface import Metric
from model.evaluation.metrics.ranked import RankedFold

if TYPE_CHECKING:
    from torch import Tensor

    from model.evaluation.metrics.ranked_folds import RankedFolds, Rankings

HITS_K = 100
PERCENT = 100  # pairs, of which the first one counts


def expected_hits(held_out: np.ndarray, unknown: np.ndarray, k: int) -> float:
    """Held-out associations among the first k of the list; the expected number where ties are cut.

    Args:
        held_out: (H,) scores, ``unknown`` (U,) likewise.
    """
    scores = np.concatenate((held_out, unknown))
    if k >= len(scores):
        return float(len(held_out))
    cut = np.partition(scores, len(scores) - k)[len(scores) - k]  # the score at place k
    free = k - (scores > cut).sum()
    share_of_tied = free / (scores == cut).sum()
    return float((held_out > cut).sum() + (held_out == cut).sum() * share_of_tied)


def hits_of_rankings(rankings: Rankings, k: Tensor | int) -> Tensor:
    """(R,) the same of rankings side by side: each held-out one's chance to be among the first k.

    Args:
        k: the same for all, or (R, 1).
    """
    chance = ((k - rankings.n_above) / rankings.n_tied).clamp(0, 1)
    return (chance * rankings.is_held_out).sum(dim=1)


def _recall_at_one_percent(fold: RankedFold) -> float:
    k = -(-len(fold.scores) // PERCENT)
    return expected_hits(fold.held_out, fold.unknown, k) / len(fold.held_out)


def _recall_at_one_percent_of_folds(folds: RankedFolds) -> Tensor:
    ranked = folds.all_pairs
    k = ((ranked.n_held_out + ranked.n_unknown) / PERCENT).ceil()
    return hits_of_rankings(ranked, k) / ranked.n_held_out[:, 0]


def _ndcg(fold: RankedFold) -> float:
    from sklearn.metrics import ndcg_score

    if len(fold.scores) == 1:  # which scikit-learn refuses
        return 1.0
    return float(ndcg_score(fold.labels[None], fold.scores[None]))


def _ndcg_of_folds(folds: RankedFolds) -> Tensor:
    """Jarvelin and Kekalainen 2002: the gain of a held-out association at place i is 1/log2(i+1).

    Tied pairs share the gains of their places, as McSherry and Najork 2008 have it.
    """
    import torch

    ranked = folds.all_pairs
    most = ranked.held_out.shape[1] + ranked.unknown.shape[1]
    places = torch.arange(2, most + 2, dtype=ranked.held_out.dtype, device=ranked.held_out.device)
    gains = torch.cat([places.new_zeros(1), (1 / places.log2()).cumsum(dim=0)])  # of the first i
    above = ranked.n_above.clamp(0, most)
    tied = (above + ranked.n_tied).clamp(0, most)
    gain = (gains.take(tied.long()) - gains.take(above.long())) / ranked.n_tied
    best = gains.take(ranked.n_held_out[:, 0].long())
    return (gain * ranked.is_held_out).sum(dim=1) / best


HITS_AT_100 = Metric(
    meaning=f"held-out associations among the {HITS_K} best pairs, a number;"
    " hardly says anything where only as many other pairs are ranked, as under `paper`",
    label=f"hits@{HITS_K}",
    plain=lambda fold: expected_hits(fold.held_out, fold.unknown, HITS_K),
    batched=lambda folds: hits_of_rankings(folds.all_pairs, HITS_K),
)
RECALL_AT_1_PERCENT = Metric(
    meaning="share of the held-out associations that the best 1 % of the ranked pairs hold",
    label="recall@1%",
    plain=_recall_at_one_percent,
    batched=_recall_at_one_percent_of_folds,
)
NDCG = Metric(
    meaning="gain of the whole list, 1/log2(1 + place) for a held-out association, over the best"
    " possible; the more unknown pairs, the lower it is",
    label="NDCG",
    plain=_ndcg,
    batched=_ndcg_of_folds,
)
