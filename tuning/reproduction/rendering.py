"""A reproduced table or figure as CSV, Markdown, plot and terminal table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

SERIES = ("paper's", "paper protocol", "honest")  # what stands side by side
COLOURS = {"paper's": "#222222", "paper protocol": "#0072b2", "honest": "#d55e00"}


def table_frame(
    paper: dict[str, dict[str, float]],
    measured: dict[tuple[str, str], dict[str, tuple[float, float]]],
    metrics: tuple[str, ...],
) -> pd.DataFrame:
    """One line per row and metric, all in percent.

    Args:
        paper: what the paper prints, by row and metric.
        measured: mean and sd by row and protocol.

    Returns:
        Columns row, metric, paper, and mean and sd for each protocol; NaN where there is nothing.
    """
    rows = list(dict.fromkeys([*paper, *(row for row, _ in measured)]))
    protocols = list(dict.fromkeys(protocol for _, protocol in measured))
    lines = []
    for row in rows:
        for metric in metrics:
            line: dict[str, Any] = {"row": row, "metric": metric}
            line["paper_prints"] = paper.get(row, {}).get(metric, float("nan"))
            for protocol in protocols:
                mean, sd = measured.get((row, protocol), {}).get(metric, (float("nan"),) * 2)
                line[f"{protocol}_mean"], line[f"{protocol}_sd"] = mean, sd
            numbers = [value for key, value in line.items() if key not in ("row", "metric")]
            if not all(pd.isna(numbers)):
                lines.append(line)
    return pd.DataFrame(lines)


def terminal_table(frame: pd.DataFrame, title: str) -> Table:
    """For people: mean ± sd in percent."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=0)
    shown = _shown(frame)
    for name in shown.columns:
        left = name in ("row", "metric", "name", "in the data", "known")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for line in shown.itertuples(index=False):
        table.add_row(*map(str, line))
    return table


def markdown(frame: pd.DataFrame) -> str:
    """The same as a Markdown table."""
    shown = _shown(frame)
    lines = ["| " + " | ".join(shown.columns) + " |", "|" + "---|" * len(shown.columns)]
    lines += ["| " + " | ".join(map(str, line)) + " |" for line in shown.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def plot_table(frame: pd.DataFrame, title: str, path: Path) -> None:
    """A panel per metric, the three series side by side for each row."""
    plt = _pyplot()
    metrics = list(dict.fromkeys(frame["metric"]))
    figure, axes = plt.subplots(
        1,
        len(metrics),
        figsize=(2.1 * len(metrics) + 1.2, 0.42 * frame["row"].nunique() + 1.6),
        sharey=True,
        squeeze=False,
    )
    rows = list(dict.fromkeys(frame["row"]))
    for axis, metric in zip(axes[0], metrics, strict=True):
        part = frame[frame["metric"] == metric].set_index("row").reindex(rows)
        for offset, (label, mean, sd) in zip((-0.22, 0.0, 0.22), _series(part), strict=True):
            y = [position + offset for position in range(len(rows))]
            axis.errorbar(mean, y, xerr=sd, fmt="o", ms=4, color=COLOURS[label], label=label)
        axis.set_title(metric.upper(), fontsize=9)
        axis.set_yticks(range(len(rows)), rows)
        axis.grid(axis="x", alpha=0.3)
        axis.tick_params(labelsize=8)
    axes[0][0].invert_yaxis()
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=3, fontsize=8, frameon=False)
    figure.suptitle(f"{title} (percent)", fontsize=10)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    _save(figure, path)


def plot_curve(frame: pd.DataFrame, title: str, xlabel: str, path: Path) -> None:
    """Each metric over the points of a figure, under both protocols."""
    plt = _pyplot()
    metrics = list(dict.fromkeys(frame["metric"]))
    figure, axes = plt.subplots(1, len(metrics), figsize=(4 * len(metrics), 3.4))
    for axis, metric in zip(axes, metrics, strict=True):
        part = frame[frame["metric"] == metric]
        for label, mean, sd in _series(part):
            if not mean.isna().all():
                axis.errorbar(
                    part["row"],
                    mean,
                    yerr=sd,
                    fmt="o-",
                    ms=4,
                    capsize=2,
                    color=COLOURS[label],
                    label=label,
                )
        axis.set_title(metric.upper(), fontsize=9)
        axis.set_xlabel(xlabel, fontsize=9)
        axis.set_ylabel("percent", fontsize=9)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    _save(figure, path)


def plot_ranking(frame: pd.DataFrame, title: str, path: Path) -> None:
    """Where a ranking of our own puts the names that the paper lists."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(7, 0.24 * len(frame) + 1.4))
    known = frame["in the data"] == "known"
    axis.barh(
        frame["name"], frame["our rank"], color=["#0072b2" if k else "#bbbbbb" for k in known]
    )
    axis.invert_yaxis()
    axis.set_xlabel("rank by our model, 1 is best; blue: known in the data", fontsize=9)
    axis.tick_params(labelsize=8)
    axis.margins(y=0.01)
    axis.set_title(title, fontsize=10)
    figure.tight_layout()
    _save(figure, path)


def write_text(path: Path, text: str) -> None:
    """Write under another name and rename: nobody ever sees half a file."""
    scratch = path.with_name(f"{path.name}.part")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def _series(part: pd.DataFrame) -> list[tuple[str, pd.Series, pd.Series | None]]:
    return [
        (SERIES[0], part["paper_prints"], None),
        (SERIES[1], part["paper_mean"], part["paper_sd"]),
        (SERIES[2], part["honest_mean"], part["honest_sd"]),
    ]


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    if "paper_prints" not in frame:
        return frame.astype(object).where(frame.notna(), "")
    shown = frame[["row", "metric"]].copy()
    shown["paper prints"] = [_number(value) for value in frame["paper_prints"]]
    for column in frame.columns:
        if column.endswith("_mean"):
            name = column.removesuffix("_mean")
            pairs = zip(frame[column], frame[f"{name}_sd"], strict=True)
            shown[f"under {name}"] = [
                "" if pd.isna(mean) else f"{mean:.2f} ± {sd:.2f}" if sd else f"{mean:.2f}"
                for mean, sd in pairs
            ]
    return shown


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")  # files only: no display is asked for
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Any, path: Path) -> None:
    scratch = path.with_suffix(".part.png")
    try:
        figure.savefig(scratch, dpi=150)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)
        _pyplot().close(figure)
