"""The fidelity audit: would an early rung have chosen the configurations that end best?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from model.data.kinds import ANY_KINDS, Kinds
from model.evaluation.epoch_choice import choose_epoch
from search_spaces.schedule import Schedule
from tuning.ending import Ending
from tuning.metric import AUC, metric_label, metric_of
from tuning.record.study_record import recorded_json

if TYPE_CHECKING:
    from mlflow import MlflowClient

_FEWEST = 3  # two trials correlate perfectly, one way or the other


def fidelity_audit(client: MlflowClient, runs: Sequence[Any]) -> list[dict[str, Any]]:
    """Rank correlation of each rung's score with the final one over a study's finished trials.

    Args:
        runs: all runs of the study.

    Returns:
        As `rank_correlations`; empty where the study left no search space.
    """
    rungs, metric = _rungs(client, runs), metric_of(runs)
    curves = []
    for run in runs:
        tags = run.data.tags
        if rungs and tags.get("kind") == "trial" and tags.get("status") == Ending.FINISHED:
            history = client.get_metric_history(run.info.run_id, metric)
            curves.append({point.step: point.value for point in history})
    return rank_correlations(curves, rungs)


def rank_correlations(
    curves: Sequence[Mapping[int, float]], rungs: Sequence[int]
) -> list[dict[str, Any]]:
    """Spearman's correlation of what is chosen from the curves cut at a rung with the final choice.

    Only trials that went past the rung count, so it speaks of those that the scheduler let live:
    what the stopped ones would have come to is unknown, and a low figure among trials that are all
    good is no proof that the bad ones were wrongly stopped.

    Args:
        curves: of full-budget trials, score by epoch.
        rungs: epochs.

    Returns:
        For each rung ``epoch``, ``trials`` (how many count) and ``rank_correlation``, None for
        fewer than three trials or where all scores are equal.
    """
    from scipy.stats import spearmanr

    audit: list[dict[str, Any]] = []
    for epoch in rungs:
        both = [
            (_chosen(curve, until=epoch), _chosen(curve, until=max(curve)))
            for curve in curves
            if epoch in curve and max(curve) > epoch
        ]
        early, final = [pair[0] for pair in both], [pair[1] for pair in both]
        correlation = math.nan
        if len(both) >= _FEWEST and len(set(early)) > 1 and len(set(final)) > 1:
            correlation = float(spearmanr(early, final).statistic)
        audit.append(
            {
                "epoch": epoch,
                "trials": len(both),
                "rank_correlation": None if math.isnan(correlation) else correlation,
            }
        )
    return audit


def _chosen(curve: Mapping[int, float], *, until: int) -> float:
    choice = choose_epoch({epoch: score for epoch, score in curve.items() if epoch <= until})
    return choice.score if choice else math.nan


def fidelity_line(
    audit: Sequence[Mapping[str, Any]], metric: str = AUC, kinds: Kinds = ANY_KINDS
) -> str:
    """The audit as one line for people.

    Args:
        metric: that the study maximises.
        kinds: of the study's data.
    """
    if not audit:
        return "Fidelity: this study has no rungs to audit."
    parts = []
    for rung in audit:
        correlation, trials = rung["rank_correlation"], rung["trials"]
        if trials < _FEWEST:
            said = f"too few trials ({trials})"
        elif correlation is None:
            said = f"all scores equal ({trials} trials)"
        else:
            said = f"{correlation:+.2f} ({trials} trials)"
        parts.append(f"epoch {rung['epoch']} {said}")
    final = f"the final {metric_label(metric, kinds)}"
    return f"Fidelity, rank correlation of a rung with {final}: " + ", ".join(parts)


def _rungs(client: MlflowClient, runs: Sequence[Any]) -> list[int]:
    """Epochs at which the study's scheduler decided, from what the study recorded."""
    study = next((run for run in runs if run.data.tags.get("kind") == "study"), None)
    if study is None or "max_epochs" not in study.data.params:
        return []
    space = recorded_json(client, study.info.run_id, "search_space.json")
    if space is None:
        return []
    schedule = Schedule.model_validate(space["schedule"])
    return schedule.rungs(int(study.data.params["max_epochs"]))
