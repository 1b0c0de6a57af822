"""What `bench scaling` found as a page, a figure and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jinja2

from tuning.bench.rungs import FEW, MANY
from tuning.bench.scaling import DRAWS, GPUS_WITH_LOSSES, PAYS, USUAL_LOSSES
from tuning.bench.simulation import DRIVER, IDLE, REDONE, SPENDING, STARTING, TRAINING
from tuning.reproduction.rendering import write_text

_COLOURS = {
    TRAINING: "#009e73",
    REDONE: "#d55e00",
    STARTING: "#f0e442",
    DRIVER: "#0072b2",
    IDLE: "#bbbbbb",
}


def write_page(result: Mapping[str, Any], folder: Path, *, command: str, shipped: bool) -> None:
    """Write ``scaling.md`` and ``scaling.png``.

    Args:
        result: of `bench_scaling`.
        folder: that is there.
        command: that made it.
        shipped: whether the recording is the one that comes with the project.
    """
    draw(result, folder / "scaling.png")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tuning.bench", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    machine, driver = result["machine"], result["driver"]
    usual = [one for one in result["points"] if one["losses_per_hour"] == USUAL_LOSSES]
    by_work = rows(usual)
    alone = {one["work"]: one["training"] for one in usual if one["gpus"] == 1}
    haste = [median(_over(one["training"], alone[one["work"]])) for one in usual]
    hardest = max(by_work)
    strained = [one for one in result["points"] if one["work"] == hardest]
    strained.sort(key=lambda one: one["losses_per_hour"])
    text = environment.get_template("scaling.md.j2").render(
        result=result,
        points=result["points"],
        costs=driver["costs"],
        machine=f"{machine['processor']} ({machine['cores']} cores)",
        ms=lambda seconds: f"{1000 * seconds:.0f}",
        fed=lambda gpus: f"{gpus:,.0f}" if gpus >= 1 else f"{gpus:.1f}",
        gpus=lambda number: f"{number} GPU{'s' if number > 1 else ''}",
        number=lambda value: "never" if value is None else f"{value:.2f}",
        few=FEW,
        many=MANY,
        draws=DRAWS,
        usual=f"{USUAL_LOSSES:g}",
        pays=f"{PAYS:g}",
        command=command,
        shipped=shipped,
        figure="scaling.png",
        works=list(by_work),
        by_work=by_work,
        haste=(min(haste), max(haste)),
        hardest=hardest,
        by_losses=[_row(one, one) for one in strained if one["gpus"] in GPUS_WITH_LOSSES],
    )
    write_text(folder / "scaling.md", text)


def rows(points: Sequence[Mapping[str, Any]]) -> dict[float, list[dict[str, str]]]:
    """By amount of work a row for each size, ready to be read.

    Args:
        points: of one rate of losses, from few GPUs to many.
    """
    found: dict[float, list[dict[str, str]]] = {}
    first: dict[float, Mapping[str, Any]] = {}
    for point in points:
        work = point["work"]
        found.setdefault(work, []).append(_row(point, first.setdefault(work, point)))
    return found


def _row(point: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, str]:
    shares = point["shares"]
    return {
        "losses": f"{point['losses_per_hour']:g}",
        "gpus": str(point["gpus"]),
        "wall": _spread(point["wall"], _duration),
        "speedup": _spread(_over(first["wall"], point["wall"]), "{:.1f}".format),
        "gpu_hours": _spread(point["gpu_hours"], "{:.3g}".format),
        "training": _share(shares[TRAINING]),
        "driver": _share(shares[DRIVER]),
        "idle": _share(shares[IDLE]),
        "starting": _share(shares[STARTING]),
        "undone": _share(shares[REDONE]),
        "compute": _spread(_over(point["training"], first["training"]), "{:.2f}".format),
        "to_best": _spread(point["to_best"], _duration),
        "lost": _spread(point["lost"], "{:.0f}".format),
    }


def draw(result: Mapping[str, Any], path: Path) -> None:
    """For each amount of work: what the paid time goes for, and the speed-up, over the GPUs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    points = [one for one in result["points"] if one["losses_per_hour"] == USUAL_LOSSES]
    works = list(dict.fromkeys(one["work"] for one in points))
    figure, axes = plt.subplots(
        2, len(works), figsize=(2.9 * len(works), 5.2), sharey="row", squeeze=False
    )
    for column, work in enumerate(works):
        of_work = [one for one in points if one["work"] == work]
        gpus = [one["gpus"] for one in of_work]
        places = range(len(gpus))
        low = [0.0] * len(gpus)
        for name in SPENDING:
            high = [median(one["shares"][name]) for one in of_work]
            axes[0][column].bar(places, high, bottom=low, color=_COLOURS[name], label=name)
            low = [a + b for a, b in zip(low, high, strict=True)]
        axes[0][column].set_xticks(places, gpus, fontsize=7)
        axes[0][column].set_title(f"{work:g} x the recorded work", fontsize=9)
        speedups = [_over(of_work[0]["wall"], one["wall"]) for one in of_work]
        middle = [median(one) for one in speedups]
        axes[1][column].loglog(gpus, gpus, ":", color="#888888", lw=1, base=2)
        axes[1][column].fill_between(
            gpus, [min(one) for one in speedups], [max(one) for one in speedups], alpha=0.25
        )
        axes[1][column].loglog(gpus, middle, "o-", ms=3, base=2)
        axes[1][column].set_xlabel("GPUs", fontsize=8)
        axes[1][column].grid(alpha=0.3)
        for row in (0, 1):
            axes[row][column].tick_params(labelsize=7)
    axes[0][0].set_ylabel("share of the paid time", fontsize=8)
    axes[1][0].set_ylabel("speed-up", fontsize=8)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=len(labels), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _over(of: Sequence[float], to: Sequence[float]) -> list[float]:
    """Ratios within a seed."""
    return [one / other for one, other in zip(of, to, strict=True)]


def _share(values: Sequence[float]) -> str:
    return f"{median(values):.1%}" if 0 < median(values) < 0.1 else f"{median(values):.0%}"


def _spread(values: Sequence[float], shown: Any) -> str:
    least, middle, most = (shown(one) for one in (min(values), median(values), max(values)))
    return middle if least == most else f"{middle} ({least} to {most})"


def _duration(seconds: float) -> str:
    if math.isinf(seconds):
        return "never"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
