"""The metric that a study maximises: which one its record names, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def metric_label(metric: str) -> str:
    """The metric as tables and sentences show it: "AUC"."""
    return metric.upper()


def metric_beside(metric: str) -> str:
    """The metric that tables show beside the study's own: AP, or AUC in a study of AP."""
    return AUC if metric == AP else AP


def ranking_key(score: float | None) -> float:
    """Sort by it to have the highest score first, and last what has none."""
    return float("inf") if score is None else -score
