"""Views of a study's runs: what MLflow's menu "Views" offers, and the addresses that open them.

A view is a filter, an order, columns and charts. MLflow has no API for views but stores each as a
tag of the experiment, so every user's UI has it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuning.ending import Ending
from tuning.home import is_embedded, tracking_uri
from tuning.libraries.mlflow_internals import SHARED_VIEW_TAG
from tuning.metric import metric_beside, recorded_metric
from tuning.record.client import without_credentials
from tuning.record.study_record import CHOSEN_EPOCH, chosen

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEADERBOARD, TRIALS, CONFIRMED = "leaderboard", "trials", "confirmed"
_SERVER = "http://127.0.0.1:5000"  # of `mmatune server`, unless it is told otherwise
_AXES = 8  # of the parallel coordinates: names of more overlap
_MIXED = "sampled_pairs.per_association"  # numbers and words: MLflow's chart leaves some runs out
_FIRST_COLUMNS = ("attributes.`Run Name`", "runDateAndNestInfo")  # the UI's own


def view_address(experiment_id: str, view: str, *, charts: bool = False) -> str:
    """Address of a view on the tracking server; on the embedded store, on `mmatune server`.

    Args:
        charts: the runs' charts in place of their table.
    """
    server = _SERVER if is_embedded() else without_credentials(tracking_uri()).rstrip("/")
    return f"{server}/{view_path(experiment_id, view, charts=charts)}"


def view_path(experiment_id: str, view: str, *, charts: bool = False) -> str:
    """The address within the server."""
    # MLflow opens on its pages for language models; this shows those for training.
    query = f"workflowType=machine_learning&viewStateShareKey={view}"
    query += "&compareRunsMode=CHART" if charts else ""
    return f"#/experiments/{experiment_id}/runs?{query}"


def set_views(client: MlflowClient, experiment_id: str, parameters: Sequence[str]) -> None:
    """Write the study's views, which show the metric that its experiment names.

    Args:
        parameters: searched ones by their dotted names, those to look at first in front.
    """
    metric = recorded_metric(client.get_experiment(experiment_id).tags)
    for key, (name, state) in _views(metric, parameters).items():
        envelope = {"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
        client.set_experiment_tag(experiment_id, f"{SHARED_VIEW_TAG}{key}", json.dumps(envelope))


def _views(metric: str, parameters: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name and state of each view, by key; the state's fields are those of MLflow 3.17's UI."""
    names = (metric, f"{metric}_sd", metric_beside(metric))
    measured = [f"metrics.`{name}`" for name in names]
    scores = [*(f"metrics.`{chosen(name)}`" for name in names), f"metrics.`{CHOSEN_EPOCH}`"]
    searched = [f"params.`{name}`" for name in parameters]
    status, rung, reason = (f"tags.`{name}`" for name in ("status", "rung", "reason"))
    seconds = "metrics.`seconds`"
    axes = [name for name in parameters if name != _MIXED][:_AXES]
    others = (Ending.FAILED, Ending.KILLED)  # MLflow leaves out a run without the tag as well
    ranked = " AND ".join(
        [
            *(f"tags.status != '{status}'" for status in others),
            *(f"tags.kind != '{kind}'" for kind in ("study", "confirm")),
        ]
    )
    return {
        LEADERBOARD: (
            "Leaderboard",
            _view(metric, chosen(metric), ranked, [*scores, *searched, seconds], axes),
        ),
        TRIALS: (
            "All trials",
            _view(
                metric,
                chosen(metric),
                "tags.kind = 'trial'",
                [*scores, seconds, *searched, status, rung, reason],
            ),
        ),
        CONFIRMED: (
            "Fresh splits, after mmatune confirm",
            _view(metric, metric, "tags.kind = 'confirm'", [*measured, *searched]),
        ),
    }


def _view(
    metric: str, ranks: str, runs: str, columns: list[str], axes: Sequence[str] = ()
) -> dict[str, Any]:
    """Best first; as a table, or as charts: parallel coordinates, then curves and what they cost.

    Args:
        metric: whose curves are drawn.
        ranks: the metric that orders the runs.
        runs: which, in MLflow's language.
        axes: parameters of the parallel coordinates; without any there are none.
    """
    cost = {"xaxis": "seconds", "yaxis": ranks}
    charts: list[dict[str, Any]] = [
        {"type": "LINE", "metricKey": metric, "selectedMetricKeys": [metric], "xAxisKey": "step"}
        | {"lineSmoothness": 0, "useGlobalXaxisKey": True},
        {"type": "SCATTER"} | {axis: {"key": key, "type": "METRIC"} for axis, key in cost.items()},
    ]
    charts = [{**chart, "metricSectionId": "curves"} for chart in charts]
    sections = [{"uuid": "curves", "name": "Curves, and what they cost", "columns": 2}]
    if axes:
        parallel = {"type": "PARALLEL", "selectedParams": [*axes], "selectedMetrics": [ranks]}
        charts.insert(0, {**parallel, "metricSectionId": "wide", "showAllRuns": True})
        wide = {"uuid": "wide", "name": "Searched parameters", "columns": 1, "cardHeight": 430}
        sections.insert(0, wide)
    numbers = [column for column in columns if column.startswith("metrics.")]
    return {
        "searchFilter": runs,
        "orderByKey": f"metrics.`{ranks}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": [*_FIRST_COLUMNS, *columns, "duration"],
        "columnWidths": {_FIRST_COLUMNS[0]: 230, **dict.fromkeys(numbers, 90)},
        "runsHiddenMode": "FIRST_20_RUNS",  # each a line; the parallel coordinates show all
        "compareRunCharts": [
            {**chart, "uuid": f"chart-{n}", "runsCountToCompare": 100, "isGenerated": False}
            for n, chart in enumerate(charts)
        ],
        "compareRunSections": [{**one, "display": True, "isGenerated": False} for one in sections],
        "isAccordionReordered": True,  # or they are sorted by name
    }
