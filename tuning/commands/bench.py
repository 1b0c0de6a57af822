"""`mmatune bench`: what things cost on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tuning.commands.tune import DataDirOption
from tuning.console import JsonOption, console, print_json

app = typer.Typer(help="Measure what training and searching cost on this machine.")

DatasetOption = Annotated[
    str, typer.Option("--dataset", help="demo, dataset1, dataset2, or a folder of your own.")
]
RepeatsOption = Annotated[int, typer.Option("--repeats", min=1, help="Turns; medians are given.")]


@app.command()
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

    _check_device(device)
    loaded = load(dataset, data_dir or data_folder())
    with console.status("bench ...") as status:
        result = bench_trial(
            loaded,
            repeats=repeats,
            device=device,
            threads=threads,
            progress=lambda done, total: status.update(f"turn {done + 1} of {total} ..."),
        )
    _show(result, as_json, title=f"bench trial, {loaded.name}, {device}, threads: {threads}")


@app.command()
def curves(
    recording: Annotated[
        str, typer.Option("--recording", help="Data set whose recorded curves are read.")
    ] = "dataset2",
    as_json: JsonOption = False,
) -> None:
    """What recorded curves of random points say about searching; nothing is trained.

    Example: `mmatune bench curves --recording gpcr`
    """
    from tuning.bench.recorded_curves import bench_curves, read_curves

    with console.status("bench ..."):
        result = bench_curves(read_curves(recording))
    _show(result, as_json, title=f"bench curves, {recording}")


@app.command()
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

    _check_device(name)
    with console.status("bench ...") as status:
        result = bench_device(
            torch.device(name),
            repeats,
            lambda done, total: status.update(f"turn {done + 1} of {total} ..."),
        )
    _show(result, as_json, title=f"bench device, {name}")


@app.command()
def search(
    dataset: DatasetOption = "demo",
    space: Annotated[
        str, typer.Option("--space", help="A search space by name, or the path of a YAML file.")
    ] = "full",
    budget: Annotated[
        float, typer.Option("--budget", min=1, help="Seconds of training of each search.")
    ] = 60,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Searches of each strategy.")] = 5,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """TPE with ASHA, either alone, and random search, with the same compute, without start points.

    It takes strategies x seeds x budget over the number of cores: 13 minutes on 2 cores as is.

    Example: `mmatune bench search --dataset dataset2 --budget 60 --seeds 5`
    """
    from model.data.catalogue import load
    from search_spaces.loading import load_space
    from tuning.bench.search import bench_search
    from tuning.home import data_folder

    loaded = load(dataset, data_dir or data_folder())
    with console.status("bench ...") as status:
        result = bench_search(
            loaded,
            load_space(space),
            budget=budget,
            seeds=range(seeds),
            processes=len(os.sched_getaffinity(0)),
            progress=lambda done, total: status.update(f"{done} of {total} searches done ..."),
        )
    _show(result, as_json, title=f"bench search, {loaded.name}, space {space}, {budget:g} s each")


@app.command()
def study(
    dataset: DatasetOption = "demo",
    space: Annotated[
        str, typer.Option("--space", help="A search space by name, or the path of a YAML file.")
    ] = "full",
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
    _show(result, as_json, title=f"bench study, {loaded.name}, space {space}, {trials} trials")


@app.command()
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
    _show(result, as_json, title="bench scale")


@app.command()
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
        _make_folder(out)
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
    _show(result, as_json, title="bench scaling, the driver")
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


@app.command()
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
    _show(result, as_json, title=f"bench store, {runs} runs, {trials} trials a study")


def _make_folder(folder: Path) -> None:
    from model.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made: {error.strerror}", where="--out"
        ) from error


def _check_device(device: str) -> None:
    import torch

    from model.errors import InputError

    if device not in ("cpu", "cuda"):
        raise InputError(f"no device {device!r}", where="--device", hint="cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("torch sees no GPU here", where="--device", hint="use --device cpu")


def _show(result: dict[str, Any], as_json: bool, *, title: str) -> None:
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
