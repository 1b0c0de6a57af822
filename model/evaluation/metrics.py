"""What a ranking is worth: AUC, average precision and the paper's indicators (equation 1).

Shape legend: H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

METRICS = ("auc", "ap", "acc", "pre", "sen", "spe", "f1", "mcc")
Balance = Literal["1:1", "as is"]


def ranking_metrics(
    held_out: np.ndarray,
    unknown: np.ndarray,
    *,
    threshold: float | None = 0.5,
    balance: Balance = "1:1",
) -> dict[str, float]:
    """Measure how held-out associations rank among other pairs.

    All but the AUC depend on how many unknown pairs there are for one association, which says
    nothing about a model. They are therefore given at 1:1: each class weighs one half in all, as
    if as many unknown pairs as associations had been drawn, over and over. Where the classes are
    of one size already, as under the ``paper`` protocol, these are the plain figures.

    Args:
        held_out: (H,) scores of held-out associations, higher is more likely.
        unknown: (U,) scores of the pairs they are ranked against.
        threshold: a score of at least this counts as a predicted association; None for scores
            that are no probabilities: the indicators that need one are then NaN.
        balance: "as is" weighs every pair alike instead. The figures then hang on U / H and may
            be set beside those of the same U / H only.

    Returns:
        The keys of `METRICS`, each a fraction (mcc in [-1, 1]); NaN for all where a score is NaN.
    """
    # Not at the top: it takes a second, and a trial's process measures with `fold_metrics` alone.
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores = np.concatenate((held_out, unknown))
    if not np.isfinite(scores).all():
        return dict.fromkeys(METRICS, float("nan"))
    sizes = [len(held_out), len(unknown)]
    labels = np.repeat([1, 0], sizes)
    weights = np.repeat([1 / size for size in sizes], sizes) if balance == "1:1" else None
    values = {
        "auc": roc_auc_score(labels, scores),
        "ap": average_precision_score(labels, scores, sample_weight=weights),
    }
    if threshold is None:
        values |= dict.fromkeys(METRICS[2:], float("nan"))
    else:
        values |= _indicators(
            float(np.mean(held_out >= threshold)),
            float(np.mean(unknown >= threshold)),
            share=0.5 if balance == "1:1" else sizes[0] / sum(sizes),
        )
    return {name: float(value) for name, value in values.items()}


@torch.no_grad()
def fold_metrics(
    held_out: Sequence[Tensor],
    unknown: Sequence[Tensor],
    *,
    threshold: float,
    balance: Balance = "1:1",
) -> list[dict[str, float]]:
    """`ranking_metrics` of several folds at once, where the scores are: one sort for all of them.

    Args:
        held_out: of each fold (H,) float64 scores; ``unknown`` likewise (U,).
    """
    high, low = _sorted(held_out), _sorted(unknown)
    n_high, n_low = (
        torch.stack([one.new_full((1,), len(one)) for one in side]) for side in (held_out, unknown)
    )
    is_score = torch.arange(high.shape[1], device=high.device) < n_high
    # Of every held-out association: how many of its fold score less, and how many at most as much.
    # A padded place is infinite, so it counts neither as less nor as at most as much.
    less, at_most = (
        torch.searchsorted(low, high, side=side).to(high) for side in ("left", "right")
    )
    auc = ((less + at_most) / 2 * is_score).sum(dim=1) / (n_high * n_low)[:, 0]
    found, alarms = n_high - torch.searchsorted(high, high), n_low - less
    if balance == "1:1":
        found, alarms = found / n_high, alarms / n_low
    precision = found / (found + alarms)
    ap = (precision * is_score).nan_to_num().sum(dim=1) / n_high[:, 0]
    reached = [
        ((side >= threshold) & side.isfinite()).sum(dim=1) / n[:, 0]
        for side, n in ((high, n_high), (low, n_low))
    ]
    is_finite = torch.stack(
        [torch.cat(pair).isfinite().all() for pair in zip(held_out, unknown, strict=True)]
    )
    rows = torch.stack([is_finite.double(), auc, ap, *reached]).T.tolist()  # the only wait
    return [
        _metrics(row, 0.5 if balance == "1:1" else len(one) / (len(one) + len(other)))
        for row, one, other in zip(rows, held_out, unknown, strict=True)
    ]


def _sorted(sides: Sequence[Tensor]) -> Tensor:
    """(K, longest): each fold's scores in order, padded with infinity."""
    return pad_sequence(list(sides), batch_first=True, padding_value=torch.inf).sort(dim=1).values


def _metrics(row: Sequence[float], share: float) -> dict[str, float]:
    is_finite, auc, ap, sen, fall_out = row
    if not is_finite:
        return dict.fromkeys(METRICS, float("nan"))
    values = {"auc": auc, "ap": ap, **_indicators(sen, fall_out, share=share)}
    return {name: float(value) for name, value in values.items()}


def _indicators(sen: float, fall_out: float, *, share: float) -> dict[str, float]:
    """Equation 1 from sensitivity and 1 - specificity.

    Args:
        share: weight of the associations among all pairs, 0.5 for classes of one size.
    """
    spe = 1 - fall_out
    true, false = share * sen, (1 - share) * fall_out
    predicted = true + false
    spread = np.sqrt(max(predicted * (1 - predicted), 0))  # rounding may leave it below zero
    return {
        "acc": true + (1 - share) * spe,
        "pre": true / predicted if predicted else 0.0,
        "sen": sen,
        "spe": spe,
        "f1": 2 * true / (share + predicted),
        "mcc": np.sqrt(share * (1 - share)) * (sen - fall_out) / spread if spread else 0.0,
    }
