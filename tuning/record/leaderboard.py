"""The leaderboard of a study: trials and baselines on the same folds, best first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from model.data.kinds import ANY_KINDS, Kinds
from model.evaluation.metrics.table import METRICS
from tuning.ending import RANKED, Ending
from tuning.metric import AUC, metric_beside, metric_label, metric_of, ranking_key
from tuning.record.study_record import CHOSEN_EPOCH, chosen

if TYPE_CHECKING:
    import pandas as pd

# Ends the name of the trial of the published settings, which every leaderboard shows. They are
# trained for the study's longest budget, not for the 1,000 epochs of the published code.
PUBLISHED = " (published)"
# Shown for people; the whole configuration is in the row's params and in MLflow.
EPOCHS = "training.epochs"
_CROSS = "†"
_RANKED_KINDS = ("trial", "ensemble", "baseline")
_SHOWN = {"encoder.type": "encoder", "degree_decoder.alpha": "alpha"}


def leaderboard_rows(runs: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows from a study's MLflow runs, best first by the metric that the study maximises.

    Every trial that finished or was stopped is ranked by its score at its chosen epoch. Keys:
    ``name``, ``kind`` ("trial", "ensemble" or "baseline"), each metric and its ``_sd`` over folds
    (None where it has none), ``epoch`` (the chosen one) and ``ended`` ("finished" or "stopped
    early"; both None but for a trial), ``params`` (with the chosen epoch as ``training.epochs``: a
    training of them scores what the row says), ``run_id``.
    """
    rows = []
    for run in runs:
        if not is_ranked(run):
            continue
        kind, params, epoch = run.data.tags["kind"], dict(run.data.params), None
        if kind == "trial":
            epoch = chosen_epoch(run)
            params |= {} if epoch is None else {EPOCHS: str(epoch)}
        rows.append(
            {
                **score_row(run.info.run_name, kind, ranking_scores(run)),
                "epoch": epoch,
                "ended": run.data.tags["status"] if kind == "trial" else None,
                "params": params,
                "run_id": run.info.run_id,
            }
        )
    metric = metric_of(runs)
    return sorted(rows, key=lambda row: ranking_key(row[metric]))


def is_ranked(run: Any) -> bool:
    """Whether a run is a baseline, an ensemble, or a trial that may win.

    Versions before 0.2.0 chose no epoch, so of their trials only those may win that had finished.
    """
    status = run.data.tags.get("status")
    if run.data.tags.get("kind") == "trial" and CHOSEN_EPOCH in run.data.metrics:
        return status in RANKED
    return run.data.tags.get("kind") in _RANKED_KINDS and status == Ending.FINISHED


def chosen_epoch(run: Any) -> int | None:
    """The epoch of a ranked trial's score; where none is recorded, the last of its budget."""
    epoch = run.data.metrics.get(CHOSEN_EPOCH, run.data.params.get(EPOCHS))
    return None if epoch is None else int(epoch)


def ranking_scores(run: Any) -> Mapping[str, float]:
    """The scores of a run at its chosen epoch, by plain names; its last ones where it has none."""
    metrics = run.data.metrics
    if CHOSEN_EPOCH not in metrics:
        return dict(metrics)
    names = [name for metric in METRICS for name in (metric, f"{metric}_sd")]
    return {name: metrics[chosen(name)] for name in names if chosen(name) in metrics}


def leaderboard_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows of a leaderboard as a table, in their order, its index the place from 1.

    Args:
        rows: of `leaderboard_rows`, or from a `StudyResult`.

    Returns:
        ``name``, ``kind``, each metric and its ``_sd`` over folds (NaN where there is none),
        ``epoch`` and ``ended``, the parameters by dotted name, and ``run_id``.
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
    from tuning.record.identity import study_experiment
    from tuning.record.study_record import runs_of

    client = mlflow_client()
    experiment = study_experiment(client, study)
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
    rows: Sequence[dict[str, Any]],
    *,
    title: str,
    metric: str = AUC,
    kinds: Kinds = ANY_KINDS,
    top: int = 10,
) -> Table:
    """The best trials, every baseline and the published settings as a table.

    Args:
        rows: of `leaderboard_rows`.
        metric: that the study maximises.
        kinds: of the study's data.
        top: how many places to show whatever is there.
    """
    beside = metric_beside(metric)
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.caption_justify = "left"
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("name", no_wrap=True)
    for column in (f"{metric_label(metric, kinds)} ± sd", metric_label(beside, kinds)):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
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
            _epoch(row),
            *(_short(row.get("params", {}).get(name)) for name in _SHOWN),
            style="yellow" if is_baseline else None,
        )
        if row.get("ended") == Ending.STOPPED:
            table.caption = f"{_CROSS} stopped early by the scheduler"
    return table


def with_spread(mean: float | None, sd: float | None) -> str:
    """A mean and its sd over folds; a single fold has no sd, and not every row has each metric."""
    if mean is None:
        return "–"
    return f"{mean:.4f}" if sd is None else f"{mean:.4f} ± {sd:.4f}"


def verdict(rows: Sequence[dict[str, Any]], metric: str = AUC, kinds: Kinds = ANY_KINDS) -> str:
    """One sentence: does the best trial beat the best baseline on these folds?

    Args:
        rows: of `leaderboard_rows`.
        metric: that the study maximises.
        kinds: of the study's data.
    """
    scored = [row for row in rows if row[metric] is not None]
    trials = [row for row in scored if row["kind"] == "trial"]
    baselines = [row for row in scored if row["kind"] == "baseline"]
    if not trials or not baselines:
        return "nothing to compare: no trial has a score"
    trial, baseline = trials[0], baselines[0]
    difference, label = trial[metric] - baseline[metric], metric_label(metric, kinds)
    if difference > 0:
        better = f"{trial['name']} is {difference:.4f} {label} above {baseline['name']}"
        return f"{better} on these folds."
    return (
        f"A baseline wins: {baseline['name']} is {-difference:.4f} {label} above {trial['name']}."
        " Use it, or search further."
    )


def _epoch(row: Mapping[str, Any]) -> str:
    """The chosen epoch; a cross behind it says that the scheduler stopped the trial."""
    epoch = row.get("epoch")
    return "" if epoch is None else f"{epoch}{_CROSS if row.get('ended') == Ending.STOPPED else ''}"


def _short(value: str | None) -> str:
    if value is None:
        return ""
    try:
        return f"{float(value):.3g}"
    except ValueError:
        return value
