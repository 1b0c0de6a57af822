"""`mmatune bench curves`, `record`, `search`, `winners`, `gain`: which strategy of search pays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.status import Status
from rich.table import Table

from tuning.commands.bench.shared import DatasetOption, SpaceOption, check_device, make_folder, show
from tuning.commands.tune import DataDirOption, ProtocolOption
from tuning.console import JsonOption, console, print_json

ReplayedOption = Annotated[
    str, typer.Option("--recording", help="Data set whose recorded curves are replayed.")
]


def curves(
    recording: Annotated[
        str, typer.Option("--recording", help="Data set whose recorded curves are read.")
    ] = "dataset2",
    as_json: JsonOption = False,
) -> None:
    """What recorded curves of random points say about searching; nothing is trained.

    Example: `mmatune bench curves --recording gpcr`
    """
    from tuning.bench.curves.recorded import bench_curves, read_curves

    with console.status("bench ..."):
        result = bench_curves(read_curves(recording))
    show(result, as_json, title=f"bench curves, {recording}")


def record(
    out: Annotated[Path, typer.Option("--out", help="FILE.npz; lines as it goes in FILE.jsonl.")],
    dataset: DatasetOption = "demo",
    space: SpaceOption = "full",
    points: Annotated[int, typer.Option("--points", min=1, help="Of the space, at random.")] = 100,
    points_of: Annotated[
        Path | None,
        typer.Option("--points-of", help="A recording whose first points are trained instead."),
    ] = None,
    protocol: ProtocolOption = "honest",
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Fixes folds and training; the points' is 0.")
    ] = 0,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Of every point.")] = 300,
    report_every: Annotated[int, typer.Option("--report-every", min=1, help="Epochs.")] = 10,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Points trained side by side.")
    ] = 1,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train random points of a space to the end, and record their whole curves.

    Ctrl-C stops it; the same command goes on, and with more points it takes over those there are.

    Example: `mmatune bench record --dataset dataset2 --points 300 --out dataset2.npz`

    Example: `mmatune bench record --points-of dataset2.npz --dataset dataset2 --seed 1 --out 1.npz`
    """
    import optuna

    from model.data.catalogue import load
    from model.errors import InputError
    from model.evaluation.protocols import protocol as named_protocol
    from search_spaces.loading import load_space
    from search_spaces.sampling import sample_points
    from tuning.bench.curves.recorded import read_points
    from tuning.bench.curves.recorder import Recording, record_curves
    from tuning.home import data_folder

    check_device(device)
    if out.suffix != ".npz":
        raise InputError(f"{out} does not end in .npz", where="--out", hint=f"{out}.npz")
    if epochs % report_every:
        hint = f"a multiple of --report-every {report_every}"
        raise InputError(f"{epochs} is not reported", where="--epochs", hint=hint)
    make_folder(out.parent)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    of = load_space(space)
    drawn = read_points(points_of) if points_of else sample_points(of, points, seed=0)
    # Every point has the same epochs: a curve holds all shorter trainings.
    wanted = [
        {name: value for name, value in point.items() if name != "training.epochs"}
        for point in drawn[:points]
    ]
    recording = Recording(
        load(dataset, data_dir or data_folder()),
        named_protocol(protocol),
        space=f"{space}, training.epochs {epochs}",
        seed=seed,
        epochs=epochs,
        report_every=report_every,
        device=device,
    )
    with console.status("bench ...") as status:
        curves = record_curves(
            recording,
            wanted,
            lambda point: of.configuration({**point, "training.epochs": epochs}),
            out,
            processes=processes,
            progress=lambda done, total: status.update(f"{done} of {total} points recorded ..."),
        )
    best = sorted(curves.best.tolist())
    result = {"out": str(out), "points": len(best), "best": best[-1], "recorded": curves.about}
    if as_json:
        print_json(result)
        return
    console.print(f"{len(best)} points in {out}; the best reached an AUC of {best[-1]:.4f}.")


def _side_by_side(status: Status) -> dict[str, Any]:
    """How replays run, on all processors, and how far they are told to be."""
    return {
        "processes": len(os.sched_getaffinity(0)),
        "progress": lambda done, total: status.update(f"{done} of {total} searches replayed ..."),
    }


def search(
    recording: ReplayedOption = "dataset2",
    sampler: Annotated[
        list[str] | None,
        typer.Option("--sampler", help="Of `tune --sampler`; may be given several times."),
    ] = None,
    places: Annotated[
        list[int] | None,
        typer.Option("--places", min=1, help="Trials at once; may be given several times."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Searches of each strategy.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """The compute that strategies need to reach the best of 64 random trials; nothing is trained.

    Searches are replayed on recorded curves, and off the record on a surrogate learnt from them,
    without starting points. The samplers are random, tpe and curve-gp unless others are named, the
    places 1, 4, 16 and 64: some ten minutes on two cores.

    Example: `mmatune bench search --recording gpcr`

    Example: `mmatune bench search --sampler gp --places 1 --places 16`
    """
    from tuning.bench.curves.search import bench_search

    with console.status("bench ...") as status:
        result = bench_search(
            recording,
            samplers=sampler or ["random", "tpe", "curve-gp"],
            places=places or [1, 4, 16, 64],
            seeds=seeds,
            **_side_by_side(status),
        )
    if as_json:
        print_json(result)
        return
    show_searches(result, recording)


def winners(
    recording: ReplayedOption = "dataset2",
    trials: Annotated[
        list[int] | None,
        typer.Option("--trials", min=1, help="Of the search; may be given several times."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Searches of each kind.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """What searches hand out, beside random search of equal compute; nothing is trained.

    Searches are replayed on recorded curves without starting points, two trials at once. Each sees
    all folds of the recording but one, on which its winner is scored. Of 24 and of 100 trials
    unless other numbers are named.

    Example: `mmatune bench winners --recording gpcr --trials 24`
    """
    from tuning.bench.curves.winners import bench_winners

    with console.status("bench ...") as status:
        result = bench_winners(
            recording,
            trials=trials or [24, 100],
            seeds=seeds,
            **_side_by_side(status),
        )
    if as_json:
        print_json(result)
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    for column in ("trials", "winner of", "AUC", "curve-gp ahead by", "p", "wins"):
        table.add_column(column, justify="left" if column == "winner of" else "right")
    for row in result["rows"]:
        ahead, error, p_value = row["ahead"] or (None, None, None)
        table.add_row(
            str(row["trials"]),
            row["name"],
            f"{row['auc']:.4f}",
            *(
                ("", "", "")
                if ahead is None
                else (f"{ahead:+.4f} ± {error:.4f}", f"{p_value:.2g}", f"{row['wins']:.0%}")
            ),
        )
    console.print(f"bench winners, {recording}: on the fold that the search did not see")
    console.print(table)
    console.print(
        f"{result['recorded']['points']} recorded points, {result['seeds']} seeds a fold."
    )


def show_searches(result: dict[str, Any], recording: str) -> None:
    """Print a row for each strategy and a column for each number of places."""
    table = Table(
        title=f"bench search, {recording}: compute to reach the best of 64 random trials, over that"
        " of 64 random trials\nmedian (quartiles)",
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
    )
    places = sorted({one["places"] for one in result["searches"]})
    for column in (
        "curves",
        "sampler",
        "trials are trained",
        *(f"{one} at once" for one in places),
    ):
        table.add_column(column)
    rows: dict[tuple[str, str, str], dict[int, str]] = {}
    for one in result["searches"]:
        key = (one["source"], one["sampler"], one["rule"]["name"])
        low, middle, high = ("never" if v is None else f"{v:.2f}" for v in one["ratio"])
        rows.setdefault(key, {})[one["places"]] = f"{middle} ({low} to {high})"
    for key, cells in rows.items():
        table.add_row(*key, *(cells[one] for one in places))
    console.print(table)
    about, errors = result["recorded"], result["surrogate"]
    console.print(
        f"{result['seeds']} seeds; random, to the end, is luck itself. The surrogate is learnt from"
        f" {about['points']} points of {about['space']}; of held-out ones it explains"
        f" {errors['explained']:.2f} of the variance (rank correlation"
        f" {errors['rank_correlation']:.2f}, in the best fifth"
        f" {errors['rank_correlation_of_best_fifth']:.2f}), its mean error is"
        f" {errors['mean_error']:.3f} AUC."
    )


def gain(
    studies: Annotated[
        list[str] | None,
        typer.Argument(help="A search and a random search on the same data; none: what is there."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="Where the figures are and go; the project's own if not given."
        ),
    ] = None,
    splits: Annotated[int, typer.Option("--splits", min=1, help="Fresh partitions.")] = 5,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder of the studies' data, if it is your own.")
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a search adds: its winner on fresh splits, beside random search's and its start points.

    Of random search those trials count that fit into the compute of the search. Nothing is
    registered, and the sealed part stays sealed.

    Example: `mmatune bench gain`

    Example: `mmatune bench gain my-search my-random --file gains.json`
    """
    from model.errors import InputError
    from tuning.bench.gain import FILE, add_gain, document, measure_gain, read_gains
    from tuning.home import data_folder
    from tuning.record.finished_study import read_study

    if not studies:
        gains = read_gains(file or FILE)
        if not gains:
            raise InputError(f"nothing is measured in {file}", where="--file")
    elif len(studies) != 2 or file is None:
        raise InputError(
            "two studies are compared, and the figures go to a file",
            where="bench gain",
            hint="`mmatune bench gain SEARCH RANDOM --file gains.json`",
        )
    else:
        first, second = (read_study(name, data, data_dir or data_folder()) for name in studies)
        with console.status("bench ...") as status:
            found = measure_gain(
                first,
                second,
                splits,
                lambda done, total: status.update(f"{done} of {total} trainings done ..."),
            )
        gains = add_gain(file, found)
    result = document(gains)
    if as_json:
        print_json(result)
        return
    show_gains(result)


def show_gains(result: dict[str, Any]) -> None:
    """Print a row for each model of each study, and what one adds to another over all data."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0)
    for column, justify in (
        ("data, protocol, trials", "left"),
        ("", "left"),
        ("AUC ± se", "right"),
        ("AP ± se", "right"),
        ("hits@100 ± se", "right"),
        ("search ahead (p)", "right"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    last = ""
    for row in result["rows"]:
        of = f"{row['dataset']}, {row['protocol']}, {row['trials']}"
        ahead = row["search_ahead"]
        table.add_row(
            of if of != last else "",
            row["name"],
            f"{row['auc']:.4f} ± {row['auc_se']:.4f}",
            f"{row['ap']:.4f} ± {row['ap_se']:.4f}",
            f"{row['hits_at_100']:.1f} ± {row['hits_at_100_se']:.1f}",
            f"{ahead[0]:+.4f} ({ahead[2]:.2g})" if ahead else "",
        )
        last = of
    console.print(table)
    for one in result["pooled"]:
        console.print(
            f"{one['name']} over {one['over']}: AUC {one['difference']:+.4f} ±"
            f" {one['standard_error']:.4f}, p = {one['p_value']:.2g}, {one['sets']:.0f} data sets."
        )
