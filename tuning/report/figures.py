"""The figures of the report, by plotly: it is the parallel coordinates that must be interactive.

Its script is put into the page once (4.8 MB), so that the page needs nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
import plotly.graph_objects as go

from model.data.kinds import of_record
from search_spaces.parameters import Choice, FloatRange, IntRange, Parameter
from search_spaces.schema import SearchSpace
from tuning.ending import Ending
from tuning.metric import AUC, metric_label
from tuning.report.importance import optuna_study

COLOURS = {
    Ending.FINISHED: "#0072B2",
    Ending.STOPPED: "#E69F00",
    Ending.FAILED: "#D55E00",
    Ending.KILLED: "#999999",
}
BASELINE = "#CC3311"
_OTHER = "#999999"
_SCALE = [[0, "#d9d9d9"], [0.5, "#56a0cc"], [1, "#00406b"]]  # what is best stands out
_HEIGHT = 420  # pixels
AXES = 9  # of the parallel coordinates: more do not fit a page


def history(report: Mapping[str, Any]) -> go.Figure:
    """Scores against the compute that all trials had taken together when each one ended.

    Drawn here and not by Optuna, whose history has the number of the trial on its axis: a search is
    judged by what it costs.
    """
    metric = report["metric"]
    measured = [one for one in report["trials"] if one[metric]]
    # Those that run still, or whose driver was killed, have no end: they come last.
    trials = sorted(measured, key=lambda one: (one["ended"] is None, one["ended"] or 0))
    seconds = _cumulative(trials, "seconds")
    epochs = _cumulative(trials, "epochs")
    best, so_far = [], None
    for one in trials:
        if one["ranked"]:
            so_far = max(so_far or 0, one[metric])
        best.append(so_far)
    figure = go.Figure(
        go.Scatter(
            x=seconds,
            y=best,
            name="best so far",
            mode="lines",
            line={"shape": "hv", "color": "#0072B2"},
        )
    )
    groups = [[k for k, _ in enumerate(trials)]]
    for status in dict.fromkeys(one["status"] for one in trials):
        inside = [k for k, one in enumerate(trials) if one["status"] == status]
        groups.append(inside)
        figure.add_scatter(
            x=[seconds[k] for k in inside],
            y=[trials[k][metric] for k in inside],
            text=[_told(trials[k]) for k in inside],
            mode="markers",
            name=status,
            marker={"color": COLOURS.get(status, _OTHER), "size": 9},
        )
    _baseline_line(figure, report)
    axes = ((seconds, "seconds of training, all trials together"), (epochs, "epochs, all together"))
    buttons = [
        {
            "label": title.split(" ")[0].strip(","),
            "method": "update",
            "args": [
                {"x": [[values[k] for k in group] for group in groups]},
                {"xaxis.title.text": title},
            ],
        }
        for values, title in axes
    ]
    figure.update_layout(
        xaxis_title=axes[0][1],
        yaxis_title=_label(report),
        updatemenus=[
            {
                "type": "buttons",
                "direction": "right",
                "buttons": buttons,
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
            }
        ],
    )
    return _plain(figure)


def importance(report: Mapping[str, Any]) -> go.Figure:
    """Bars, the most important parameter on top.

    Drawn here and not by Optuna, whose plot computes the importances anew.
    """
    values = report["importance"]["values"]
    figure = go.Figure(
        go.Bar(
            x=list(values.values()),
            y=list(values),
            orientation="h",
            marker_color="#0072B2",
            text=[f"{value:.2f}" for value in values.values()],
        )
    )
    variance = f"share of the variance of the {_label(report)}"
    figure.update_layout(xaxis_title=variance, yaxis_autorange="reversed")
    figure.update_yaxes(ticksuffix="  ")
    return _plain(figure, height=120 + 26 * len(values))


def parallel_coordinates(report: Mapping[str, Any]) -> go.Figure:
    """Every ranked trial as a line over the most important parameters; axes can be brushed.

    Drawn here and not by Optuna, whose plot of this kind cannot be brushed.
    """
    study, space, label = _study(report), _space(report), _label(report)
    points = [trial.params for trial in study.trials]
    important = list(report["importance"]["values"]) if report["importance"] else []
    order = [*important, *(name for name in space.search if name not in important)]
    scores = [trial.value for trial in study.trials]
    dimensions = [
        _axis(name, space.search[name], [point.get(name) for point in points])
        for name in order[:AXES]
        if any(name in point for point in points)
    ]
    figure = go.Figure(
        go.Parcoords(
            dimensions=[*dimensions, {"label": label, "values": scores, "tickformat": ".3f"}],
            line={"color": scores, "colorscale": _SCALE, "showscale": False},
            labelangle=-20,
            labelside="top",
            rangefont_size=1,
            rangefont_color="rgba(0,0,0,0)",
        )
    )
    return _plain(figure, height=460, margin={"l": 70, "r": 90, "t": 120, "b": 30})


def _axis(name: str, parameter: Parameter, values: Sequence[Any]) -> dict[str, Any]:
    """An axis of numbers: choices by their place, a logarithmic range by its exponent.

    Where a parameter does not apply (None), the line passes below the axis's lowest value.
    """
    there = [value for value in values if value is not None]
    if isinstance(parameter, Choice):
        numbers = [float(parameter.choices.index(value)) for value in there]
        ticks = [float(place) for place in range(len(parameter.choices))]
        texts = [str(choice) for choice in parameter.choices]
        ends = [0.0, len(parameter.choices) - 1.0]
    elif isinstance(parameter, FloatRange) and parameter.log:
        numbers = [math.log10(value) for value in there]
        ends = [math.log10(end) for end in _ends(parameter, there)]
        ticks = [ends[0] + (ends[1] - ends[0]) * part / 4 for part in range(5)]
        texts = [f"{10**tick:.1g}" for tick in ticks]
    else:
        numbers, ends = there, _ends(parameter, there)
        if len(there) == len(values):
            return {"label": _short(name), "values": numbers, "range": ends}
        ticks, texts = list(ends), [f"{end:g}" for end in ends]
    if len(there) < len(values):
        below = ends[0] - 0.15 * ((ends[1] - ends[0]) or 1.0)
        ends, ticks, texts = [below, ends[1]], [below, *ticks], ["–", *texts]
        following = iter(numbers)
        numbers = [below if value is None else next(following) for value in values]
    return {
        "label": _short(name),
        "values": numbers,
        "tickvals": ticks,
        "ticktext": texts,
        "range": ends,
    }


def _ends(parameter: FloatRange | IntRange, values: Sequence[Any]) -> list[float]:
    """Both ends of a range; where one is another parameter's value, that of the trials."""
    low, high = parameter.low, parameter.high
    return [
        (min(values, default=1) if isinstance(low, str) else low),
        (max(values, default=1) if isinstance(high, str) else high),
    ]


def slices(report: Mapping[str, Any]) -> go.Figure:
    """The score against each searched parameter alone, four in a row.

    Optuna's own plot puts all parameters in one row, which no page is wide enough for.
    """
    from plotly.subplots import make_subplots

    study, space, label = _study(report), _space(report), _label(report)
    columns = 4
    rows = -(-len(space.search) // columns)
    figure = make_subplots(
        rows, columns, shared_yaxes=True, vertical_spacing=0.32 / rows, horizontal_spacing=0.05
    )
    for place, (name, parameter) in enumerate(space.search.items()):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        applies = [trial for trial in study.trials if name in trial.params]
        values = [trial.params[name] for trial in applies]
        scores = [trial.value for trial in applies]
        axis: dict[str, Any]
        if isinstance(parameter, Choice):
            values = [str(value) for value in values]
            order = [str(choice) for choice in parameter.choices]
            axis = {"type": "category", "categoryorder": "array", "categoryarray": order}
            axis["range"] = [-0.4, len(order) - 0.6]  # those that nobody tried too
        elif isinstance(parameter, FloatRange) and parameter.log:
            axis = {"type": "log", "dtick": 1, "exponentformat": "power"}
            axis["range"] = _padded(*(math.log10(end) for end in _ends(parameter, values)))
        else:
            low, high = _ends(parameter, values)
            axis = {"nticks": 5, "range": _padded(low, high)}
            if isinstance(parameter, IntRange) and high - low < 5:
                axis["dtick"] = 1
        marker = {"color": "#0072B2", "size": 7, "opacity": 0.6}
        figure.add_scatter(
            x=values, y=scores, mode="markers", marker=marker, showlegend=False, **at
        )
        figure.update_xaxes(title_text=_short(name), title_font_size=11, **axis, **at)
        if at["col"] == 1:
            figure.update_yaxes(title_text=label, **at)
    return _plain(figure, height=90 + 210 * rows)


def _padded(low: float, high: float) -> list[float]:
    """All that was searched over, and room for the points at the ends."""
    room = 0.06 * (high - low)
    return [low - room, high + room]


def rungs(report: Mapping[str, Any]) -> go.Figure:
    """The curve of every trial, the winner's chosen epoch, and where the scheduler decided."""
    figure = go.Figure()
    seen = set()
    for one in report["trials"]:
        colour = COLOURS.get(one["status"], _OTHER)
        figure.add_scatter(
            x=one["curve"]["epochs"],
            y=one["curve"][report["metric"]],
            mode="lines+markers",
            name=one["status"],
            legendgroup=one["status"],
            showlegend=one["status"] not in seen,
            hovertext=one["name"],
            line={"color": colour, "width": 1.2},
            marker={"size": 4},
        )
        seen.add(one["status"])
    winner = report["winner"] or {"name": None}
    for one in report["trials"]:
        if one["name"] == winner["name"] and one["chosen"] in one["curve"]["epochs"]:
            figure.add_scatter(
                x=[one["chosen"]],
                y=[one[report["metric"]]],
                mode="markers",
                name=f"chosen: {one['name']}, epoch {one['chosen']}",
                marker={"symbol": "star", "size": 15, "color": BASELINE},
            )
    for rung in report["rungs"]:
        figure.add_vline(
            x=rung["epoch"], line={"dash": "dot", "color": "#666"}, annotation_text="rung"
        )
    figure.update_layout(xaxis_title="epoch", yaxis_title=_label(report))
    return _plain(figure)


def roc(report: Mapping[str, Any]) -> go.Figure:
    """A curve per fold."""
    figure = _per_fold(report, "fpr", "tpr")
    _diagonal(figure, "chance")
    figure.update_layout(xaxis_title="false positive rate", yaxis_title="true positive rate")
    return _plain(figure)


def precision_recall(report: Mapping[str, Any]) -> go.Figure:
    """A curve per fold."""
    figure = _per_fold(report, "recall", "precision")
    figure.update_layout(
        xaxis_title="recall", yaxis_title="precision", yaxis_range=[0, 1.02], showlegend=False
    )
    return _plain(figure)


def calibration(report: Mapping[str, Any]) -> go.Figure:
    """Observed against predicted share of held-out associations, on folds left out of the fit."""
    bins = report["calibration"]["reliability"]["bins"]
    figure = go.Figure(
        go.Scatter(
            x=[one["predicted"] for one in bins],
            y=[one["observed"] for one in bins],
            error_y={
                "array": [one["observed_high"] - one["observed"] for one in bins],
                "arrayminus": [one["observed"] - one["observed_low"] for one in bins],
                "thickness": 1,
            },
            text=[f"{one['associations']} of {one['pairs']} pairs" for one in bins],
            mode="lines+markers",
            name="the model",
            line={"color": "#0072B2"},
        )
    )
    ends = [min(one["predicted"] for one in bins), max(one["predicted"] for one in bins)]
    _diagonal(figure, "perfect", ends)
    figure.update_xaxes(title_text="predicted probability", type="log")
    figure.update_yaxes(title_text="observed share of held-out associations", type="log")
    return _plain(figure)


def _per_fold(report: Mapping[str, Any], x: str, y: str) -> go.Figure:
    return go.Figure(
        [
            go.Scatter(x=fold[x], y=fold[y], name=f"fold {k}: AUC {fold[AUC]:.3f}")
            for k, fold in enumerate(report["curves"]["folds"], start=1)
        ]
    )


def _diagonal(figure: go.Figure, name: str, ends: Sequence[float] = (0, 1)) -> None:
    line = {"dash": "dot", "color": "#999"}
    figure.add_scatter(x=list(ends), y=list(ends), mode="lines", name=name, line=line)


def _baseline_line(figure: go.Figure, report: Mapping[str, Any]) -> None:
    best = next((row for row in report["rows"] if row["kind"] == "baseline"), None)
    if best:
        figure.add_hline(
            y=best[report["metric"]],
            line={"dash": "dash", "color": BASELINE},
            annotation={"text": f"best baseline: {best['name']}", "font": {"color": BASELINE}},
            annotation_position="bottom right",
        )


def _told(trial: Mapping[str, Any]) -> str:
    """A trial's name, how far it came, and the epoch that was chosen."""
    text = f"{trial['name']}, {trial['epochs']} epochs"
    return text if trial["chosen"] is None else f"{text}, chosen {trial['chosen']}"


def _label(report: Mapping[str, Any]) -> str:
    return metric_label(report["metric"], of_record(report["kinds"]))


def _study(report: Mapping[str, Any]) -> optuna.Study:
    """The ranked trials as Optuna knows them."""
    ranked = [one for one in report["trials"] if one["ranked"]]
    return optuna_study(_space(report), ranked, report["metric"])


def _space(report: Mapping[str, Any]) -> SearchSpace:
    return SearchSpace.model_validate({k: v for k, v in report["space"].items() if k != "name"})


def _cumulative(trials: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    total, sums = 0.0, []
    for one in trials:
        total += one[key] or 0
        sums.append(round(total, 2))
    return sums


def _short(label: str) -> str:
    """A dotted name without what is long and says little."""
    return label if len(label) <= 22 else f"…{label[-21:]}"


def _plain(
    figure: go.Figure, *, height: int = _HEIGHT, margin: Mapping[str, int] | None = None
) -> go.Figure:
    margin = margin or {"l": 60, "r": 20, "t": 50, "b": 50}
    figure.update_layout(template="plotly_white", title=None, height=height, margin=dict(margin))
    return figure
