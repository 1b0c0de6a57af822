"""`mmatune reproduce`: the paper's tables and figures, its numbers beside measured ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tuning.commands.tune import DataDirOption
from tuning.console import JsonOption, console, print_json


def reproduce(
    target: Annotated[
        str,
        typer.Argument(help="table-2 to table-7, figure-s5, figure-s6, or all."),
    ],
    dataset: Annotated[str, typer.Option("--dataset", help="dataset1 or dataset2.")] = "dataset2",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Splits and trainings.")] = 3,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="As published; fewer for a first look.")
    ] = 1000,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the CSV, Markdown and plot of each.")
    ] = Path("reproduced"),
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the published model as the paper did and honestly, beside what the paper prints.

    Under `paper` the held-out associations are ranked against pairs of any two nodes, as published;
    under `honest` against all unknown miRNA-small molecule pairs. Tables 5 to 7 are case studies:
    their marks are held against the data first.

    Example: `mmatune reproduce table-4 --seeds 1`
    """
    from model.data.catalogue import load
    from model.errors import InputError
    from tuning.home import data_folder
    from tuning.reproduction.run import reproduce_case, reproduce_measured
    from tuning.reproduction.targets import CASES, TARGETS

    if target not in (*TARGETS, "all"):
        names = ", ".join((*TARGETS, "all"))
        raise InputError(f"there is no {target!r}", where="TARGET", hint=f"one of: {names}")
    loaded = load(dataset, data_dir or data_folder())
    documents = []
    for name in TARGETS if target == "all" else (target,):
        folder = out / loaded.name
        folder.mkdir(parents=True, exist_ok=True)
        if name in CASES:
            documents.append(reproduce_case(name, loaded, epochs, folder))
        else:
            documents.append(reproduce_measured(name, loaded, range(seeds), epochs, folder))
        if not as_json:
            console.print(f"Written: {folder / name}.csv, .md, .png", soft_wrap=True)
    if as_json:
        print_json({"dataset": loaded.name, "data_hash": loaded.content_hash, "targets": documents})
