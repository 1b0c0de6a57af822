"""The figures of the report, as SVG by matplotlib: they need no script, print whole, and are small.

Ink is drawn in a colour that the page replaces by its own, so a figure is dark on light and light
on dark. Whoever wants to brush lines finds the same parallel coordinates in MLflow's UI.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.data.kinds import of_record
from search_spaces.parameters import Choice, FloatRange, IntRange, Parameter
from search_spaces.schema import SearchSpace
from tuning.ending import Ending
from tuning.metric import AUC, metric_label
from tuning.report.points import searched_points

INK = "#010203"  # becomes the colour of the page's text
MODEL, BASELINE, _OTHER = "#2b8cbe", "#d9822b", "#8a8a8a"
COLOURS = {
    Ending.FINISHED: MODEL,
    Ending.STOPPED: "#c9a227",
    Ending.FAILED: "#d1495b",
    Ending.KILLED: _OTHER,
}
AXES = 9  # of the parallel coordinates: more do not fit a page
_WIDTH = 6.6  # inches; on a telephone it is drawn at little more than half of it
_Z95 = 1.96  # standard errors
# In force while a figure is drawn and written: `matplotlib.rc_context(STYLE)`.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mmatune",
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _OTHER,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
}


def as_svg(figure: Figure, label: str) -> str:
    """An element of a page that scales with its width, said to who cannot see it by its label."""
    text = io.StringIO()
    figure.savefig(
        text,
        format="svg",
        transparent=True,
        bbox_inches="tight",
        metadata={"Date": None, "Creator": None},
    )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    width = round(figure.get_figwidth() * 110)
    return svg.replace(
        "<svg ", f'<svg role="img" aria-label="{label}" style="max-width:{width}px" ', 1
    )


def _figure(height: float, width: float = _WIDTH) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def scores(report: Mapping[str, Any]) -> Figure:
    """The model, its rivals and all baselines: a dot each, with its interval, the best on top.

    Once confirmed, the mean on fresh splits and its 95 % interval; before, the mean on the
    development folds and the standard deviation over folds.
    """
    confirmation, metric = report["confirmation"], report["metric"]
    if confirmation:
        chosen, name = confirmation["chosen"], f"confirmed_{metric}"
        found = [
            (row["name"], row["kind"], row[name], _Z95 * row["standard_error"])
            for row in confirmation["rows"]
            if row[name] is not None
        ]
        axis = f"{_label(report)} on {confirmation['splits']} fresh splits, 95 % interval"
    else:
        chosen = report["winner"]["name"] if report["winner"] else None
        found = [
            (row["name"], row["kind"], row[metric], row[f"{metric}_sd"] or 0.0)
            for place, row in enumerate(report["rows"])
            if row[metric] is not None and (place < AXES or row["kind"] == "baseline")
        ]
        axis = f"{_label(report)} on the development folds, ± sd over folds"
    figure, axes = _figure(0.9 + 0.3 * len(found))
    for place, (name, kind, score, half) in enumerate(found):
        colour = BASELINE if kind == "baseline" else MODEL
        size = 9 if name == chosen else 6
        axes.errorbar(
            score, place, xerr=half, fmt="o", color=colour, markersize=size, elinewidth=1.6
        )
    names = [name for name, *_ in found]
    axes.set_yticks(range(len(found)), names)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight("bold" if name == chosen else "normal")
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    axes.plot([], [], "o", color=MODEL, label="searched")
    axes.plot([], [], "o", color=BASELINE, label="baseline")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return figure


def history(report: Mapping[str, Any]) -> Figure:
    """Scores against the compute that all trials had taken together when each one ended.

    Not against the number of the trial, as Optuna draws it: a search is judged by what it costs.
    """
    metric = report["metric"]
    measured = [one for one in report["trials"] if one[metric]]
    # Those that run still, or whose driver was killed, have no end: they come last.
    trials = sorted(measured, key=lambda one: (one["ended"] is None, one["ended"] or 0))
    seconds = cumulative(trials, "seconds")
    figure, axes = _figure(3.4)
    axes.step(seconds, best_so_far(trials, metric), where="post", color=MODEL, label="best so far")
    for status in dict.fromkeys(one["status"] for one in trials):
        inside = [place for place, one in enumerate(trials) if one["status"] == status]
        axes.plot(
            [seconds[place] for place in inside],
            [trials[place][metric] for place in inside],
            "o",
            color=COLOURS.get(status, _OTHER),
            label=status,
        )
    best = next((row for row in report["rows"] if row["kind"] == "baseline"), None)
    if best:
        axes.axhline(best[metric], color=BASELINE, ls="--", label=f"best baseline: {best['name']}")
    axes.set_xlabel("seconds of training, all trials together")
    axes.set_ylabel(_label(report))
    _legend_above(axes)
    return figure


def best_so_far(trials: Sequence[Mapping[str, Any]], metric: str) -> list[float]:
    """The best score of a ranked trial up to each one; NaN before the first."""
    best, so_far = [], math.nan
    for one in trials:
        if one["ranked"]:
            so_far = one[metric] if math.isnan(so_far) else max(so_far, one[metric])
        best.append(so_far)
    return best


def cumulative(trials: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """What the trials up to each one took together."""
    total, sums = 0.0, []
    for one in trials:
        total += one[key] or 0
        sums.append(round(total, 2))
    return sums


def importance(report: Mapping[str, Any]) -> Figure:
    """Bars with their uncertainty, the most important parameter on top."""
    values, spread = (report["importance"][key] for key in ("values", "spread"))
    names = list(values)
    figure, axes = _figure(0.8 + 0.26 * len(names))
    axes.barh(
        range(len(names)),
        list(values.values()),
        xerr=[spread[name] for name in names],
        color=MODEL,
        ecolor=_OTHER,
    )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(f"share of the variance of the {_label(report)}, ± sd over subsets of trials")
    return figure


def parallel_coordinates(report: Mapping[str, Any]) -> Figure:
    """Every ranked trial as a line over the most important parameters, coloured by its score."""
    space, metric = space_of(report), report["metric"]
    ranked = [one for one in report["trials"] if one["ranked"]]
    points = [searched_points(space, one) for one in ranked]
    important = list(report["importance"]["values"]) if report["importance"] else []
    order = [*important, *(name for name in space.search if name not in important)]
    names = [name for name in order if any(name in point for point in points)][:AXES]
    values = [one[metric] for one in ranked]
    low, high = min(values), max(values)
    places = {name: axis_places(space.search[name], name, points) for name in names}
    heights = [(value - low) / ((high - low) or 1.0) for value in values]
    figure, axes = _figure(3.6, width=1.1 * (len(names) + 1.6))
    colours = matplotlib.colormaps["viridis"]
    for place in sorted(range(len(ranked)), key=lambda place: values[place]):
        line = [*(places[name][0][place] for name in names), heights[place]]
        axes.plot(range(len(line)), line, color=colours(heights[place]), lw=1.3)
    for at, name in enumerate(names):
        axes.axvline(at, color=_OTHER, lw=0.8)
        for height, text in places[name][1]:
            axes.text(at + 0.04, height, text, fontsize=8, va="center")
    axes.axvline(len(names), color=_OTHER, lw=0.8)
    axes.set_xticks(range(len(names) + 1), [*map(short, names), _label(report)])
    for tick in axes.get_xticklabels():
        tick.set(rotation=20, ha="right", fontsize=9)
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(low, high), colours)
    bar = figure.colorbar(scale, ax=axes, pad=0.08, fraction=0.04)
    bar.set_label(_label(report))
    return figure


def axis_places(
    parameter: Parameter, name: str, points: Sequence[Mapping[str, Any]]
) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each point is on an axis from 0 to 1, and its marks; -0.12 where it does not apply."""
    there = [point[name] for point in points if name in point]
    if isinstance(parameter, Choice):
        last = max(1, len(parameter.choices) - 1)
        at = [
            parameter.choices.index(point[name]) / last if name in point else -0.12
            for point in points
        ]
        marks = [(place / last, str(choice)) for place, choice in enumerate(parameter.choices)]
    else:
        low, high = _ends(parameter, there)
        is_log = isinstance(parameter, FloatRange) and parameter.log

        def scaled(value: float) -> float:
            if is_log:
                return math.log(value / low) / (math.log(high / low) or 1.0)
            return (value - low) / ((high - low) or 1.0)

        at = [scaled(point[name]) if name in point else -0.12 for point in points]
        marks = [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]
    return at, [*marks, *([(-0.12, "–")] if len(there) < len(points) else [])]


def _ends(parameter: FloatRange | IntRange, values: Sequence[Any]) -> list[float]:
    """Both ends of a range; where one is another parameter's value, that of the trials."""
    low, high = parameter.low, parameter.high
    return [
        (min(values, default=1) if isinstance(low, str) else low),
        (max(values, default=1) if isinstance(high, str) else high),
    ]


def slices(report: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """The score against each searched parameter alone: small figures that a page sets in rows."""
    space, metric = space_of(report), report["metric"]
    ranked = [one for one in report["trials"] if one["ranked"]]
    points = [searched_points(space, one) for one in ranked]
    return [
        (name, _slice(name, parameter, points, [one[metric] for one in ranked], _label(report)))
        for name, parameter in space.search.items()
    ]


def _slice(
    name: str,
    parameter: Parameter,
    points: Sequence[Mapping[str, Any]],
    values: Sequence[float],
    label: str,
) -> Figure:
    figure, axes = _figure(2.0, width=2.7)
    applies = [place for place, point in enumerate(points) if name in point]
    there, shown = [points[place][name] for place in applies], [values[k] for k in applies]
    if isinstance(parameter, Choice):
        texts = [str(choice) for choice in parameter.choices]
        axes.plot([texts.index(str(one)) for one in there], shown, "o", color=MODEL, alpha=0.6)
        rotation = 30 if sum(map(len, texts)) > 22 else 0
        axes.set_xticks(range(len(texts)), texts, rotation=rotation, fontsize=8)
        axes.set_xlim(-0.5, len(texts) - 0.5)  # those that nobody tried too
    else:
        low, high = _ends(parameter, there)
        axes.plot(there, shown, "o", color=MODEL, alpha=0.6)
        if isinstance(parameter, FloatRange) and parameter.log:
            axes.set_xscale("log")
            axes.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
        else:
            room = 0.06 * ((high - low) or 1.0)
            axes.set_xlim(low - room, high + room)
            axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel(short(name), fontsize=9)
    axes.set_ylabel(label, fontsize=9)
    axes.tick_params(labelsize=8)
    return figure


def rungs(report: Mapping[str, Any]) -> Figure:
    """The curve of every trial, the winner's chosen epoch, and where the scheduler decided."""
    figure, axes = _figure(3.4)
    seen, metric = set[str](), report["metric"]
    for one in report["trials"]:
        label = None if one["status"] in seen else one["status"]
        seen.add(one["status"])
        colour = COLOURS.get(one["status"], _OTHER)
        curve = one["curve"]
        axes.plot(curve["epochs"], curve[metric], color=colour, lw=1, label=label)
    winner = report["winner"] or {"name": None}
    for one in report["trials"]:
        if one["name"] == winner["name"] and one["chosen"] in one["curve"]["epochs"]:
            told = f"chosen: {one['name']}, epoch {one['chosen']}"
            axes.plot([one["chosen"]], [one[metric]], "*", ms=13, color="#d1495b", label=told)
    for rung in report["rungs"]:
        axes.axvline(rung["epoch"], color=_OTHER, ls=":")
    axes.set_xlabel("epoch; dotted: rungs")
    axes.set_ylabel(_label(report))
    _legend_above(axes)
    return figure


def roc(report: Mapping[str, Any]) -> Figure:
    """A curve per fold."""
    figure, axes = _square()
    for place, fold in enumerate(report["curves"]["folds"], start=1):
        axes.plot(fold["fpr"], fold["tpr"], lw=1.2, label=f"fold {place}: {fold[AUC]:.3f}")
    axes.plot([0, 1], [0, 1], ls=":", color=_OTHER)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate")
    axes.legend(title="AUC", loc="lower right")
    return figure


def precision_recall(report: Mapping[str, Any]) -> Figure:
    """A curve per fold, every pair counting once: what a laboratory that tests pairs would see."""
    return _precision_by_recall(report, "_as_is", "precision, pairs as they are")[0]


def precision_recall_balanced(report: Mapping[str, Any]) -> Figure:
    """A curve per fold, both classes weighing alike, as publications draw it."""
    figure, axes = _precision_by_recall(report, "", "precision at 1:1")
    axes.set_ylim(0, 1.02)
    return figure


def _precision_by_recall(report: Mapping[str, Any], ending: str, label: str) -> tuple[Figure, Axes]:
    figure, axes = _square()
    for fold in report["curves"]["folds"]:
        axes.plot(fold[f"recall{ending}"], fold[f"precision{ending}"], lw=1.2)
    axes.set_xlabel("recall")
    axes.set_ylabel(label)
    return figure, axes


def calibration(report: Mapping[str, Any]) -> Figure:
    """Observed against predicted share of held-out associations, on folds left out of the fit."""
    bins = report["calibration"]["reliability"]["bins"]
    drawn = [one for one in bins if one["observed"] > 0]  # the axes are logarithmic
    figure, axes = _square(4.4)
    predicted, observed = ([one[key] for one in drawn] for key in ("predicted", "observed"))
    errors = [
        [one["observed"] - one["observed_low"] for one in drawn],
        [one["observed_high"] - one["observed"] for one in drawn],
    ]
    axes.errorbar(predicted, observed, yerr=errors, fmt="o-", color=MODEL, label="the model")
    ends = [min(predicted, default=0.01), max(predicted, default=1.0)]
    axes.plot(ends, ends, ls=":", color=_OTHER, label="perfect")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share of held-out associations")
    axes.legend()
    return figure


def _square(width: float = 3.6) -> tuple[Figure, Axes]:
    return _figure(3.4, width)


def _legend_above(axes: Axes) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)


def space_of(report: Mapping[str, Any]) -> SearchSpace:
    """The searched space of a report."""
    return SearchSpace.model_validate({k: v for k, v in report["space"].items() if k != "name"})


def short(label: str) -> str:
    """A dotted name without what is long and says little."""
    return label if len(label) <= 22 else f"…{label[-21:]}"


def _label(report: Mapping[str, Any]) -> str:
    return metric_label(report["metric"], of_record(report["kinds"]))
