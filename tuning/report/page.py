"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from model.errors import InputError
from tuning.ending import Ending
from tuning.report import figures

_LIBRARIES = ("mmatune", "ray", "optuna", "mlflow", "torch", "torch_geometric", "scikit-learn")
_CONFIG = {"displaylogo": False, "responsive": True}


def write_page(report: Mapping[str, Any], out: Path) -> None:
    """Draw the report and put it at ``out``; whole or not at all.

    Args:
        report: of `read_report`.

    Raises:
        InputError: the file cannot be written.
    """
    text = render(report)
    try:
        descriptor, scratch = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(scratch, 0o644)  # a temporary file is for its owner alone
            os.replace(scratch, out)
        except BaseException:  # Ctrl-C too: leave nothing half-written
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{out} cannot be written: {error.strerror}", where="--out", hint="choose another file"
        ) from error


def render(report: Mapping[str, Any]) -> str:
    """The page; names are escaped, for they come from the user's files."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tuning.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = lambda value: "–" if value is None else f"{value:.4f}"
    environment.filters["when"] = _when
    return environment.get_template("page.html.j2").render(
        report=report,
        figures=_figures(report),
        plotly=get_plotlyjs(),
        versions={name: version(name) for name in _LIBRARIES},
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        finished=sum(one["status"] == Ending.FINISHED for one in report["trials"]),
        seconds=sum(one["seconds"] or 0 for one in report["trials"]),
        epochs=sum(one["epochs"] for one in report["trials"]),
        commands=_commands(report),
    )


def _figures(report: Mapping[str, Any]) -> dict[str, str]:
    """Each figure that there is something for, as a division of the page."""
    finished = sum(one["status"] == Ending.FINISHED for one in report["trials"])
    several, curves = finished > 1, report["curves"] is not None
    calibrated = bool((report["calibration"] or {}).get("reliability"))
    drawn: dict[str, tuple[bool, Callable[[Mapping[str, Any]], go.Figure]]] = {
        "history": (any(one["auc"] for one in report["trials"]), figures.history),
        "importance": (report["importance"] is not None, figures.importance),
        "parallel": (several, figures.parallel_coordinates),
        "slices": (several, figures.slices),
        "rungs": (True, figures.rungs),
        "roc": (curves, figures.roc),
        "precision_recall": (curves, figures.precision_recall),
        "calibration": (calibrated, figures.calibration),
    }
    return {
        name: draw(report).to_html(
            full_html=False, include_plotlyjs=False, div_id=f"figure-{name}", config=_CONFIG
        )
        for name, (wanted, draw) in drawn.items()
        if wanted
    }


def _commands(report: Mapping[str, Any]) -> list[str]:
    """What to type to get the same study again."""
    name = report["study"]
    lines = [
        f"# mmatune {report['mmatune_version']}, installed as its README says",
        f"mmatune tune {report['dataset']} --protocol {report['protocol']['name']}"
        f" --space {report['space']['name']} --trials {report['planned_trials']}"
        f" --seed {report['seed']} --name {name}-again",
    ]
    confirmation = report["confirmation"]
    if confirmation:
        top = sum(row["kind"] == "trial" for row in confirmation["rows"])
        lines.append(f"mmatune confirm {name}-again --top {top} --splits {confirmation['splits']}")
    return lines


def _when(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "not yet"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
