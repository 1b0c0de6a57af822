"""The leaderboard of a study: full-budget trials and baselines on the same folds, best first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from model.errors import InputError
from model.evaluation.metrics import METRICS
from tuning.ending import Ending
from tuning.metric import AUC, metric_beside, metric_label, metric_of, ranking_key

if TYPE_CHECKING:
    import pandas as pd

# Ends the name of the trial of the published settings, which every leaderboard shows.
PUBLISHED = " (published)"
# Shown for people; the whole configuration is in the row's params and in MLflow.
_SHOWN = {"encoder.type": "encoder", "mask.rate": "mask", "degree_decoder.alpha": "alpha"}


def leaderboard_rows(runs: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows from a study's MLflow runs, best first by the metric that the study maximises.

    Only trials that reached their full budget are ranked: the score of one that was stopped early
    is not its score. Keys: ``name``, ``kind`` ("trial" or "baseline"), each metric and its
    ``_sd`` over folds (None where it has none), ``params``, ``run_id``.
    """
    rows = []
    for run in runs:
        kind = run.data.tags.get("kind")
        if kind in ("trial", "baseline") and run.data.tags.get("status") == Ending.FINISHED:
            row = score_row(run.info.run_name, kind, run.data.metrics)
            rows.append({**row, "params": dict(run.data.params), "run_id": run.info.run_id})
    metric = metric_of(runs)
    return sorted(rows, key=lambda row: ranking_key(row[metric]))


def leaderboard_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows of a leaderboard as a table, in their order, its index the place from 1.

    Args:
        rows: of `leaderboard_rows`, or from a `StudyResult`.

    Returns:
        ``name``, ``kind``, each metric and its ``_sd`` over folds (NaN where there is none), the
        parameters by dotted name, and ``run_id``.
    """
    import pandas as pd

    from model.network.autoencoder import Configuration

    def typed(params: Mapping[str, str]) -> dict[str, Any]:
        """MLflow keeps parameters as text."""
        values = Configuration.from_dotted(params).dotted()
        return {name: values[name] for name in params}

    flat = [
        {key: value for key, value in row.items() if key not in ("params", "run_id")}
        | typed(row.get("params", {}))
        | {"run_id": row.get("run_id")}
        for row in rows
    ]
    frame = pd.DataFrame(flat, index=pd.RangeIndex(1, len(flat) + 1, name="place"))
    return frame[[*frame.columns.drop("run_id"), "run_id"]] if flat else frame


def study_leaderboard(study: str) -> pd.DataFrame:
    """The leaderboard of a recorded study, see `leaderboard_frame`.

    Raises:
        InputError: there is no such study.
    """
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import runs_of

    client = mlflow_client()
    experiment = client.get_experiment_by_name(study)
    if experiment is None or "study" not in experiment.tags:
        hint = "`mmatune study list` shows what there is"
        raise InputError(f"there is no study {study!r}", where="study", hint=hint)
    return leaderboard_frame(leaderboard_rows(runs_of(client, experiment.experiment_id)))


def score_row(name: str, kind: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    """One leaderboard row: every metric and its sd, None where there is none (no NaN in JSON)."""
    row: dict[str, Any] = {"name": name, "kind": kind}
    for metric in METRICS:
        for key in (metric, f"{metric}_sd"):
            value = metrics.get(key)
            row[key] = None if value is None or math.isnan(value) else value
    return row


def count_endings(runs: Sequence[Any]) -> dict[str, int]:
    """How many trials ended in which way; ``running`` where they have not."""
    trials = [run for run in runs if run.data.tags.get("kind") == "trial"]
    return dict(Counter(run.data.tags.get("status", "running") for run in trials))


def leaderboard_table(
    rows: Sequence[dict[str, Any]], *, title: str, metric: str = AUC, top: int = 10
) -> Table:
    """The best trials, every baseline and the published settings as a table.

    Args:
        rows: of `leaderboard_rows`.
        metric: that the study maximises.
        top: how many places to show whatever is there.
    """
    beside = metric_beside(metric)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("name", no_wrap=True)
    for column in (f"{metric_label(metric)} ± sd", metric_label(beside)):
        table.add_column(column, justify="right", no_wrap=True)
    for column in _SHOWN.values():
        table.add_column(column)
    for place, row in enumerate(rows, start=1):
        is_baseline = row["kind"] == "baseline"
        is_published = row["name"].endswith(PUBLISHED)
        if place > top and not is_baseline and not is_published:
            continue
        table.add_row(
            str(place),
            row["name"],
            with_spread(row[metric], row[f"{metric}_sd"]),
            with_spread(row[beside], None),
            *(_short(row.get("params", {}).get(name)) for name in _SHOWN),
            style="yellow" if is_baseline else None,
        )
    return table


def with_spread(mean: float | None, sd: float | None) -> str:
    """A mean and its sd over folds; a single fold has no sd, and not every row has each metric."""
    if mean is None:
        return "–"
    return f"{mean:.4f}" if sd is None else f"{mean:.4f} ± {sd:.4f}"


def verdict(rows: Sequence[dict[str, Any]], metric: str = AUC) -> str:
    """One sentence: does the best trial beat the best baseline on these folds?

    Args:
        rows: of `leaderboard_rows`.
        metric: that the study maximises.
    """
    scored = [row for row in rows if row[metric] is not None]
    trials = [row for row in scored if row["kind"] == "trial"]
    baselines = [row for row in scored if row["kind"] == "baseline"]
    if not trials or not baselines:
        return "nothing to compare: no trial reached its full budget"
    trial, baseline = trials[0], baselines[0]
    difference, label = trial[metric] - baseline[metric], metric_label(metric)
    if difference > 0:
        better = f"{trial['name']} is {difference:.4f} {label} above {baseline['name']}"
        return f"{better} on these folds."
    return (
        f"A baseline wins: {baseline['name']} is {-difference:.4f} {label} above {trial['name']}."
        " Use it, or search further."
    )


def _short(value: str | None) -> str:
    if value is None:
        return ""
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return value
