"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import csv
import io
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
from matplotlib.figure import Figure

from model.data.catalogue import NAMES
from model.data.kinds import Kinds, in_words_of, of_record
from model.errors import InputError
from model.evaluation.groups import COLUMNS, protocol_of
from model.evaluation.metrics.table import METRICS
from tuning.metric import AUC, metric_beside, metric_label
from tuning.registry.pair_table import as_text
from tuning.report import figures

GROUPS_FILE = "groups.csv"
_LIBRARIES = ("mmatune", "ray", "optuna", "mlflow", "torch", "torch_geometric", "scikit-learn")
PAIRS_SHOWN = 25


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
    environment.filters["shift"] = _shift
    environment.filters["short"] = _short
    environment.filters["when"] = _when
    kinds = of_record(report["kinds"])
    return environment.get_template("page.html.j2").render(
        report=report,
        kinds=kinds,
        label=metric_label(report["metric"], kinds),
        others={name: metric_label(name, kinds) for name in METRICS if name != report["metric"]},
        beside=metric_beside(report["metric"]),
        meaning=_meaning(report["metric"], kinds),
        figures=_figures(report),
        top_of_list=_top_of_list(report),
        pairs_shown=PAIRS_SHOWN,
        pairs_file=_saved(as_text(report["top_pairs"], ".csv")) if report["top_pairs"] else None,
        versions={name: version(name) for name in _LIBRARIES},
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        ranked=sum(one["ranked"] for one in report["trials"]),
        seconds=sum(one["seconds"] or 0 for one in report["trials"]),
        epochs=sum(one["epochs"] for one in report["trials"]),
        commands=_commands(report),
        groups=_groups(report),
        groups_file=GROUPS_FILE,
    )


def _meaning(metric: str, kinds: Kinds) -> str:
    return in_words_of(METRICS[metric].meaning, kinds) if metric in METRICS else ""


def _shift(shift: Mapping[str, Any]) -> str:
    """The change from the first to the second, so plus is better; with its standard error."""
    error = shift["standard_error"]
    return f"{-shift['value']:+.4f}" + ("" if error is None else f" ± {error:.4f}")


def _figures(report: Mapping[str, Any]) -> dict[str, str]:
    """Each figure that there is something for, as an element of the page."""
    several = sum(one["ranked"] for one in report["trials"]) > 1
    curves = report["curves"] is not None
    calibrated = bool((report["calibration"] or {}).get("reliability"))
    drawn: dict[str, tuple[bool, Callable[[Mapping[str, Any]], Figure]]] = {
        "scores": (any(row[report["metric"]] for row in report["rows"]), figures.scores),
        "history": (any(one[report["metric"]] for one in report["trials"]), figures.history),
        "importance": (report["importance"] is not None, figures.importance),
        "parallel": (several, figures.parallel_coordinates),
        "rungs": (True, figures.rungs),
        "roc": (curves, figures.roc),
        "precision_recall": (curves, figures.precision_recall),
        "balanced": (
            curves and report["curves"]["balance"] == "1:1",
            figures.precision_recall_balanced,
        ),
        "calibration": (calibrated, figures.calibration),
    }
    with matplotlib.rc_context(figures.STYLE):
        found = {
            name: figures.as_svg(draw(report), f"figure: {name.replace('_', ' ')}")
            for name, (wanted, draw) in drawn.items()
            if wanted
        }
        if several:
            found["slices"] = "".join(
                f"<div>{figures.as_svg(one, f'slice of {name}')}</div>"
                for name, one in figures.slices(report)
            )
    return found


def _commands(report: Mapping[str, Any]) -> list[str]:
    """What to type to get the same study again."""
    protocol, again = report["protocol"], f"{report['study']}-again"
    tune = ["mmatune", "tune", report["dataset"], "--protocol", protocol_of(protocol["name"])]
    if protocol["groups"] is not None:
        tune += ["--groups", GROUPS_FILE]
    if report["metric"] != AUC:
        tune += ["--metric", report["metric"]]
    for option, value in (
        ("space", report["space"]["name"]),
        ("trials", report["planned_trials"]),
        ("seed", report["seed"]),
        ("name", again),
    ):
        tune += [f"--{option}", str(value)]
    lines = [f"# mmatune {report['mmatune_version']}, installed as its README says"]
    lines.append(shlex.join(tune))
    confirmation = report["confirmation"]
    if confirmation:
        top = sum(row["kind"] == "trial" for row in confirmation["rows"])
        confirm = ["mmatune", "confirm", again, "--top", str(top)]
        confirm += ["--splits", str(confirmation["splits"])]
        if report["dataset"] not in NAMES:
            confirm += ["--data", report["dataset"]]
        lines.append(shlex.join(confirm))
    if report["winner"]:
        lines.append("# where the study's record is: its winner again, the same to the last bit")
        winner = f"{report['study']}/{report['winner']['name'].partition(' ')[0]}"
        own = [] if report["dataset"] in NAMES else [report["dataset"]]
        lines.append(shlex.join(["mmatune", "train", *own, "--from-run", winner]))
    return lines


def _groups(report: Mapping[str, Any]) -> str | None:
    """The study's own groups as a link that saves the file for ``--groups``."""
    pairs = report["protocol"]["groups"]
    if pairs is None:
        return None
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *pairs])
    return _saved(text.getvalue())


def _saved(text: str) -> str:
    """A link that saves a CSV file, which is in the page itself."""
    encoded = base64.b64encode(text.encode()).decode()
    return f"data:text/csv;charset=utf-8;base64,{encoded}"


def _top_of_list(report: Mapping[str, Any]) -> list[tuple[str, str, float | None, float | None]]:
    """Label and meaning of every metric, and its value for the winner and for the best baseline."""
    kinds, winner = of_record(report["kinds"]), report["winner"] or {}
    best: Mapping[str, Any] = next((row for row in report["rows"] if row["kind"] == "baseline"), {})
    return [
        (metric_label(name, kinds), in_words_of(one.meaning, kinds), winner[name], best.get(name))
        for name, one in METRICS.items()
        if winner.get(name) is not None and not one.needs_threshold
    ]


def _short(value: str) -> str:
    """A parameter as MLflow keeps it, to read: `--json` and MLflow have all its digits."""
    try:
        return f"{float(value):.4g}" if "." in value else value
    except ValueError:
        return value


def _when(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "not yet"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
