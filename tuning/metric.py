"""The metric that a study maximises: which one its record names, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model.data.kinds import ANY_KINDS, Kinds, in_words_of
from model.errors import InputError
from model.evaluation.folds import Fold
from model.evaluation.metrics.ranked import RankedFold
from model.evaluation.metrics.table import METRICS

AUC, AP = "auc", "ap"


def recorded_metric(tags: Mapping[str, str]) -> str:
    """The metric of the study that a run or experiment belongs to.

    Args:
        tags: of the run or the experiment. Before version 0.2.0 they named no metric: it was AUC.
    """
    return tags.get("metric", AUC)


def metric_of(runs: Sequence[Any]) -> str:
    """The metric of the study that these MLflow runs belong to, all to the same one."""
    return recorded_metric(runs[0].data.tags) if runs else AUC


def metric_label(metric: str, kinds: Kinds = ANY_KINDS) -> str:
    """The metric as tables and sentences show it: "AUC", or "AUC/gene" within each gene.

    A record may name one of a package that is gone; it is then shown by its name.
    """
    return in_words_of(METRICS[metric].label, kinds) if metric in METRICS else metric


def metric_beside(metric: str) -> str:
    """The metric that tables show beside the study's own: AUC, or AP in a study of AUC."""
    return AP if metric == AUC else AUC


def check_metric(metric: str, folds: Sequence[Fold]) -> None:
    """Refuse a metric that would rank nothing, before anything is measured.

    Raises:
        InputError: the metric is unknown, baselines have no value of it, or it is not defined on
            one of the folds, whatever the scores are.
    """
    entry = METRICS[metric]
    if entry.needs_threshold:
        others = ", ".join(name for name, one in METRICS.items() if not one.needs_threshold)
        raise InputError(
            f"{metric} counts probabilities above a threshold, and the scores of baselines are no"
            " probabilities: nothing would tell whether the winner beats them",
            where="--metric",
            hint=f"choose one of {others}",
        )
    for fold in folds:
        sides = fold.held_out, fold.ranked_against
        held_out, unknown = (np.zeros(pairs.shape[1]) for pairs in sides)
        ranked = RankedFold(held_out=held_out, unknown=unknown, pairs=sides, balance=fold.balance)
        if not math.isfinite(entry.plain(ranked)):
            raise InputError(
                f"{metric} is not defined on the folds of this protocol: no node of a fold has both"
                " held-out associations and pairs to rank them against",
                where="--metric",
                hint="choose another metric, or another protocol",
            )


def ranking_key(score: float | None) -> float:
    """Sort by it to have the highest score first, and last what has none."""
    return float("inf") if score is None else -score
