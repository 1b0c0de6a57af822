"""What the benchmarks' commands share: options, checks of them, the table of a result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tuning.console import console, print_json

DatasetOption = Annotated[
    str, typer.Option("--dataset", help="demo, dataset1, dataset2, or a folder of your own.")
]
SpaceOption = Annotated[
    str, typer.Option("--space", help="A search space by name, or the path of a YAML file.")
]
RepeatsOption = Annotated[int, typer.Option("--repeats", min=1, help="Turns; medians are given.")]


def make_folder(folder: Path) -> None:
    from model.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made: {error.strerror}", where="--out"
        ) from error


def check_device(device: str) -> None:
    import torch

    from model.errors import InputError

    if device not in ("cpu", "cuda"):
        raise InputError(f"no device {device!r}", where="--device", hint="cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("torch sees no GPU here", where="--device", hint="use --device cpu")


def show(result: dict[str, Any], as_json: bool, *, title: str) -> None:
    if as_json:
        print_json(result)
        return
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("")
    for column in ("min", "median", "max", "unit"):
        table.add_column(column, justify="left" if column == "unit" else "right")
    for figure in result["figures"]:
        shown = (f"{figure[key]:.3g}" for key in ("min", "median", "max"))
        table.add_row(figure["name"], *shown, figure["unit"])
    console.print(table)
    for name, value in result["ratios"].items():
        console.print(f"{name}: {value:.2f}")
    if "recorded" in result:
        count, about = result["figures"][0]["repeats"], result["recorded"]
        console.print(f"{count} points of {about['space']}, recorded on {about['device']}.")
        return
    machine = result["machine"]
    where = machine["gpu"] or f"{machine['processor']}, {machine['cores']} cores"
    console.print(f"Measured {result['figures'][0]['repeats']} times on {where}.")
