"""`mmatune bench trial`, `device`, `study`, `scale`, `scaling` and `store`: what things cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tuning.commands.bench.shared import (
    DatasetOption,
    RepeatsOption,
    SpaceOption,
    check_device,
    make_folder,
    show,
)
from tuning.commands.tune import DataDirOption
from tuning.console import JsonOption, console, print_json


def trial(
    dataset: DatasetOption = "demo",
    repeats: RepeatsOption = 15,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int, typer.Option("--threads", min=1, help="Of each of them; a trial of a study has one.")
    ] = 1,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds per epoch and fold: the published structure, plain PyG, folds batched.

    All in turn, so that a drift of the machine hits all alike.

    Example: `mmatune bench trial --dataset dataset2`
    """
    from model.data.catalogue import load
    from tuning.bench.trial import bench_trial
    from tuning.home import data_folder

    check_device(device)
    loaded = load(dataset, data_dir or data_folder())
    with console.status("bench ...") as status:
        result = bench_trial(
            loaded,
            repeats=repeats,
            device=device,
            threads=threads,
            progress=lambda done, total: status.update(f"turn {done + 1} of {total} ..."),
        )
    show(result, as_json, title=f"bench trial, {loaded.name}, {device}, threads: {threads}")


def device(
    name: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    repeats: RepeatsOption = 9,
    as_json: JsonOption = False,
) -> None:
    """Milliseconds per epoch of 1, 5 and 25 replicas, in each precision, as a CUDA graph or not.

    With torch, numpy and pydantic alone: `python -m tuning.bench.device --device cuda`.

    Example: `mmatune bench device --device cuda`
    """
    import torch

    from tuning.bench.device import bench_device

    check_device(name)
    with console.status("bench ...") as status:
        result = bench_device(
            torch.device(name),
            repeats,
            lambda done, total: status.update(f"turn {done + 1} of {total} ..."),
        )
    show(result, as_json, title=f"bench device, {name}")


def study(
    dataset: DatasetOption = "demo",
    space: SpaceOption = "full",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Configurations to try.")] = 24,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a study that is thrown away: how much of it is training, and where the rest goes.

    Example: `mmatune bench study --dataset dataset2`
    """
    from model.data.catalogue import load
    from search_spaces.loading import load_space
    from tuning.bench.study import bench_study
    from tuning.home import data_folder

    loaded = load(dataset, data_dir or data_folder())
    result = bench_study(loaded, space, load_space(space), trials)
    show(result, as_json, title=f"bench study, {loaded.name}, space {space}, {trials} trials")


def scale(
    up_to: Annotated[
        int, typer.Option("--up-to", min=10_000, help="Associations of the largest network.")
    ] = 1_000_000,
    repeats: RepeatsOption = 5,
    as_json: JsonOption = False,
) -> None:
    """Time per epoch and memory on networks of 10,000 associations and more, each ten times larger.

    Example: `mmatune bench scale --up-to 1000000`
    """
    from tuning.bench.scale import bench_scale

    sizes = [10**power for power in range(4, 10) if 10**power <= up_to]
    with console.status("bench ...") as status:
        result = bench_scale(sizes, repeats, lambda name: status.update(f"{name} ..."))
    show(result, as_json, title="bench scale")


def scaling(
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            help="A study of yours whose trials are replayed, none of them stopped early; else"
            " those of a study on dataset2 that come with mmatune.",
        ),
    ] = None,
    space: Annotated[
        str, typer.Option("--space", help="The search space whose rungs ASHA uses.")
    ] = "full",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Of the simulated study.")] = 1000,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of trials and losses.")] = 5,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for scaling.md, scaling.png, recording.csv."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """A study on 1 to 256 simulated GPUs: wall, GPU-hours, time to the best, where scaling stops.

    It measures a real driver first, with trials that sleep; 5 minutes on 2 cores.

    Example: `mmatune bench scaling --out docs/`
    """
    from search_spaces.loading import load_space
    from tuning.bench.recording import read_recording, record_study, write_recording
    from tuning.bench.scaling import bench_scaling
    from tuning.bench.scaling_page import write_page

    if out:
        make_folder(out)
    curves = record_study(study) if study else read_recording()
    with console.status("measuring a driver ...") as status:
        result = bench_scaling(
            curves,
            load_space(space),
            trials=trials,
            seeds=range(seeds),
            progress=status.update,
        )
    if out:
        given = [f"--study {study}"] if study else []
        given += [f"--space {space}"] if space != "full" else []
        options = [*given, f"--trials {trials} --seeds {seeds} --out {out}"]
        command = f"mmatune bench scaling {' '.join(options)}"
        write_page(result, out, command=command, shipped=not study)
        if study:
            write_recording(curves, out / "recording.csv")
    if as_json:
        print_json(result)
        return
    show(result, as_json, title="bench scaling, the driver")
    _show_scaling(result)


def _show_scaling(result: dict[str, Any]) -> None:
    from tuning.bench.scaling import USUAL_LOSSES
    from tuning.bench.scaling_page import rows

    usual = [one for one in result["points"] if one["losses_per_hour"] == USUAL_LOSSES]
    for work, of_work in rows(usual).items():
        title = f"{result['trials']} trials, {work:g} x the recorded work"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
        shown = ("gpus", "wall", "speedup", "gpu_hours", "training", "driver", "idle", "to_best")
        for name in shown:
            table.add_column(name.replace("_", " "), justify="right")
        for row in of_work:
            table.add_row(*(row[name].partition(" (")[0] for name in shown))  # medians
        console.print(table)
    for one in result["limits"]:
        where = f"{one['work']:g} x the work:"
        end = f"; beyond, GPUs are {one['reason']}" if one["reason"] else ""
        console.print(f"{where} doubling pays up to {one['gpus']} GPUs{end}", soft_wrap=True)


def store(
    runs: Annotated[int, typer.Option("--runs", min=1, help="Trials in the store.")] = 10_000,
    trials: Annotated[int, typer.Option("--trials", min=2, help="Trials of each study.")] = 400,
    repeats: RepeatsOption = 3,
    as_json: JsonOption = False,
) -> None:
    """Seconds to list studies, read a leaderboard and render a report in a full tracking store.

    Example: `mmatune bench store --runs 10000`
    """
    from model.data.synthetic import demo
    from search_spaces.loading import load_space
    from tuning.bench.store import bench_store

    with console.status("bench ...") as status:
        result = bench_store(
            demo(),
            load_space("full"),
            runs=runs,
            trials=trials,
            repeats=repeats,
            progress=status.update,
        )
    show(result, as_json, title=f"bench store, {runs} runs, {trials} trials a study")
