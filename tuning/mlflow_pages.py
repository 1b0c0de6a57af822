"""What MLflow's pages show of a study without set-up: notes that people read, views of its runs.

A view is what the UI's menu "Views" keeps: a filter, an order, columns and charts. MLflow has no
API for them but stores each as a tag of the experiment, so the UI of every user has it, and an
address opens it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from model.catalogue import NAMES
from tuning.ending import METRIC, Ending
from tuning.home import is_embedded, tracking_uri
from tuning.leaderboard import PUBLISHED, verdict

if TYPE_CHECKING:
    from tuning.plan import StudyPlan
    from tuning.record import StudyRecord

NOTE = "mlflow.note.content"  # tag that MLflow shows as a description, markdown
LEADERBOARD, TRIALS, CONFIRMED = "leaderboard", "trials", "confirmed"  # views
_SHARED_VIEW = "mlflow.sharedViewState."
_SERVER = "http://127.0.0.1:5000"  # of `mmatune server`, unless it is told otherwise
_AXES = 8  # of the parallel coordinates: names of more overlap
_FIRST_COLUMNS = ("attributes.`Run Name`", "runDateAndNestInfo")  # the UI's own
_WIDTHS = {_FIRST_COLUMNS[0]: 230} | {
    f"metrics.`{name}`": 90 for name in (METRIC, f"{METRIC}_sd", "ap", "seconds")
}
_COST = {"xaxis": "seconds", "yaxis": METRIC}


def view_address(experiment_id: str, view: str, *, charts: bool = False) -> str:
    """Address of a view on the tracking server; on the embedded store, on `mmatune server`.

    Args:
        charts: the runs' charts in place of their table.
    """
    server = _SERVER if is_embedded() else re.sub(r"//[^/@]*@", "//", tracking_uri()).rstrip("/")
    return f"{server}/{_view_path(experiment_id, view, charts=charts)}"


def describe_study(record: StudyRecord, plan: StudyPlan) -> None:
    """Give a study that begins its views, and its experiment and its own run a note."""
    shared = f"data set {plan.dataset.name}, protocol {plan.protocol.name}, space {plan.space_name}"
    text = f"Search by mmatune: {shared}, {plan.trials} trials. {_links(record.experiment_id)}"
    record.client.set_experiment_tag(record.experiment_id, NOTE, text)
    set_views(record, list(plan.space.search))
    record.set_tags(record.run_id, {NOTE: study_note(record, plan, rows=[])})


def set_views(record: StudyRecord, parameters: Sequence[str]) -> None:
    """Write the study's views.

    Args:
        parameters: searched ones by their dotted names, those to look at first in front.
    """
    for key, (name, state) in _views(parameters).items():
        envelope = {"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)}
        tag = f"{_SHARED_VIEW}{key}"
        record.client.set_experiment_tag(record.experiment_id, tag, json.dumps(envelope))


def study_note(record: StudyRecord, plan: StudyPlan, rows: Sequence[dict[str, Any]]) -> str:
    """What is said on the page of the study's run.

    Args:
        rows: of the leaderboard; none while the study runs.
    """
    tune = f"mmatune tune {plan.dataset.name} --name {plan.name} --resume"
    own = "" if plan.dataset.name in NAMES else f" --data {plan.dataset.name}"
    done = [f"mmatune confirm {plan.name}{own}", f"mmatune report {plan.name}{own}"]
    winner = next((row for row in rows if row["kind"] == "trial"), None)
    if winner:
        done.append(f"mmatune train --from-run {plan.name}/{_bare(winner['name'])}")
    commands = "\n".join(f"    {line}" for line in (done if rows else [tune]))
    return f"""\
Search of the data set **{plan.dataset.name}** under the protocol **{plan.protocol.name}**, space \
**{plan.space_name}**, {plan.trials} trials. {verdict(rows) if rows else "It has not ended yet."}

{_links(record.experiment_id)}{_pair(record, rows)}

**What `{METRIC}` says.** {plan.protocol.meaning} It is the mean over the development folds, and \
the search chose by it, so the best one is optimistic. Only trials that reached their full budget \
are ranked, beside baselines on the same folds. No score of another protocol or data set compares.

**Under Artifacts**: `report.html`, `leaderboard.json`, `folds.json` (which pairs each fold trains \
on and ranks), `protocol.json`, `search_space.json`.

**Next**

{commands}
"""


def child_note(study: str, kind: str, name: str) -> str:
    """What is said on the page of a trial, a baseline, or a configuration on fresh splits."""
    if kind == "trial":
        return (
            f"A configuration of the study {study}. `{METRIC}` is the mean over its development"
            " folds at the last epoch: final where the tag `status` is finished, that of a rung"
            " where it is stopped early.\n\n**Again, the same to the last bit**\n\n"
            f"    mmatune train --from-run {study}/{_bare(name)}\n"
        )
    if kind == "baseline":
        return (
            f"A baseline on the development folds of the study {study}: what trials have to beat."
        )
    return (
        f"Of the study {study}, on fresh splits of its development associations, a step for each;"
        " the last step is over all. Compare it with others of the kind `confirm` alone."
    )


def _bare(name: str) -> str:
    return name.removesuffix(PUBLISHED)


def _links(experiment_id: str) -> str:
    """The views, for a note."""
    return " · ".join(
        f"[{text}]({_view_path(experiment_id, view, charts=charts)})"
        for text, view, charts in (
            ("Leaderboard", LEADERBOARD, False),
            ("parallel coordinates", LEADERBOARD, True),
            ("curves of all trials", TRIALS, True),
            ("fresh splits, after `mmatune confirm`", CONFIRMED, False),
        )
    )


def _pair(record: StudyRecord, rows: Sequence[Mapping[str, Any]]) -> str:
    """A link that compares the winner with the published settings, else with the next trial."""
    trials = [row for row in rows if row["kind"] == "trial"]
    if len(trials) < 2:
        return ""
    others = [row for row in trials[1:] if row["name"].endswith(PUBLISHED)]
    other = others[0] if others else trials[1]
    runs = quote(json.dumps([trials[0]["run_id"], other["run_id"]]))
    address = f"#/compare-runs?runs={runs}&experiments={quote(json.dumps([record.experiment_id]))}"
    return f" · [{trials[0]['name']} beside {other['name']}]({address})"


def _view_path(experiment_id: str, view: str, *, charts: bool) -> str:
    # MLflow opens on its pages for language models; this shows those for training.
    query = f"workflowType=machine_learning&viewStateShareKey={view}"
    query += "&compareRunsMode=CHART" if charts else ""
    return f"#/experiments/{experiment_id}/runs?{query}"


def _views(parameters: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name and state of each view, by key; the state's fields are those of MLflow 3.17's UI."""
    scores = [f"metrics.`{name}`" for name in (METRIC, f"{METRIC}_sd", "ap")]
    searched = [f"params.`{name}`" for name in parameters]
    status, rung, reason = (f"tags.`{name}`" for name in ("status", "rung", "reason"))
    seconds = "metrics.`seconds`"
    ranked = (
        f"tags.status = '{Ending.FINISHED}' AND tags.kind != 'study' AND tags.kind != 'confirm'"
    )
    return {
        LEADERBOARD: (
            "Leaderboard",
            _view(ranked, [*scores, *searched, seconds], parameters[:_AXES]),
        ),
        TRIALS: (
            "All trials",
            _view("tags.kind = 'trial'", [*scores, seconds, *searched, status, rung, reason]),
        ),
        CONFIRMED: (
            "Fresh splits, after mmatune confirm",
            _view("tags.kind = 'confirm'", [*scores, *searched]),
        ),
    }


def _view(runs: str, columns: list[str], axes: Sequence[str] = ()) -> dict[str, Any]:
    """Best first; as a table, or as charts: parallel coordinates, then curves and what they cost.

    Args:
        runs: which, in MLflow's language.
        axes: parameters of the parallel coordinates; without any there are none.
    """
    charts: list[dict[str, Any]] = [
        {"type": "LINE", "metricKey": METRIC, "selectedMetricKeys": [METRIC], "xAxisKey": "step"}
        | {"lineSmoothness": 0, "useGlobalXaxisKey": True},
        {"type": "SCATTER"} | {axis: {"key": key, "type": "METRIC"} for axis, key in _COST.items()},
    ]
    charts = [{**chart, "metricSectionId": "curves"} for chart in charts]
    sections = [{"uuid": "curves", "name": "Curves, and what they cost", "columns": 2}]
    if axes:
        parallel = {"type": "PARALLEL", "selectedParams": [*axes], "selectedMetrics": [METRIC]}
        charts.insert(0, {**parallel, "metricSectionId": "wide", "showAllRuns": True})
        wide = {"uuid": "wide", "name": "Searched parameters", "columns": 1, "cardHeight": 430}
        sections.insert(0, wide)
    return {
        "searchFilter": runs,
        "orderByKey": f"metrics.`{METRIC}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": [*_FIRST_COLUMNS, *columns, "duration"],
        "columnWidths": _WIDTHS,
        "runsHiddenMode": "FIRST_20_RUNS",  # each a line; the parallel coordinates show all
        "compareRunCharts": [
            {**chart, "uuid": f"chart-{n}", "runsCountToCompare": 100, "isGenerated": False}
            for n, chart in enumerate(charts)
        ],
        "compareRunSections": [{**one, "display": True, "isGenerated": False} for one in sections],
        "isAccordionReordered": True,  # or they are sorted by name
    }
