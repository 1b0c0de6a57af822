"""`mmatune data`: list, show, check, download and make data sets."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from model.data.catalogue import is_here, load
from model.data.datasets import AssociationDataset
from model.data.download import download as fetch
from model.data.finding import warn_of
from model.data.importing.public_sets import PUBLIC
from model.data.kinds import DEFAULT_KINDS, Kinds, as_record, kind_of, of_record
from model.data.names import twin_groups
from model.data.synthetic import demo
from model.data.upstream import PUBLISHED, missing_files
from model.data.user_data import load_user_folder, write_user_folder
from model.errors import DataWarning, Problems
from model.evaluation.fitness import check_name, findings, gather_faults, unusable_protocols
from model.evaluation.protocols import PROTOCOLS
from tuning.commands.preparing.importing import import_
from tuning.commands.preparing.similarity import similarity
from tuning.console import JsonOption, console, print_json

app = typer.Typer(
    help="List, show, check, download, import and make data sets.",
    rich_markup_mode="markdown",
)
app.command("import")(import_)

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Folder of the downloaded data sets; default: `data` in the home folder."
    ),
]
_TOP = 8


@app.command("list")
def list_(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the data sets that have a name, and whether their files are here.

    Example: `mmatune data list`
    """
    folder = _data_dir(data_dir)
    generated = demo()
    rows: list[dict[str, Any]] = [
        {
            "name": generated.name,
            **_sizes_of(generated),
            "present": True,
            "missing": [],
            "folder": None,
        }
    ]
    for published in PUBLISHED.values():
        missing = missing_files(published, folder / published.name)
        rows.append(
            {
                "name": published.name,
                **_sizes(DEFAULT_KINDS, *published.size),
                "present": not missing,
                "missing": missing,
                "folder": str(folder / published.name),
            }
        )
    for row in rows:
        row["about"] = ""
    for public in PUBLIC.values():
        kinds = kind_of(public.kinds[0]), kind_of(public.kinds[1])
        rows.append(
            {
                "name": public.name,
                **_sizes(kinds, *public.size),
                "present": is_here(public, folder),
                "missing": [],
                "folder": str(folder / public.name),
                "about": public.about,
                "verified": "SHA-256" if public.is_verified else "sizes and counts",
            }
        )
    if as_json:
        return print_json(rows)
    table = Table(Column("name", no_wrap=True), "rows", "columns", "associations", "here")
    for row in rows:
        sides = zip(of_record(row["kinds"]), (row["rows"], row["columns"]), strict=True)
        counts = (kind.counted(count) for kind, count in sides)
        table.add_row(row["name"], *counts, str(row["associations"]), _presence(row))
    console.print(table)
    if absent := [row["name"] for row in rows if not row["present"]]:
        console.print(f"what is not here: `mmatune data download {absent[0]}`", markup=False)
    loose = ", ".join(public.name for public in PUBLIC.values() if not public.is_verified)
    console.print(
        f"{loose}: no checksum of their files is known, so sizes and counts are checked alone",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def show(
    data: Annotated[str, typer.Argument(help="A data set's name, or a folder.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a data set's sizes, density, degrees, twins and content hash.

    Example: `mmatune data show demo`
    """
    dataset = load(data, _data_dir(data_dir))
    summary = _summary(dataset)
    if as_json:
        return print_json(summary)
    console.print(_summary_table(summary))
    for side in reversed(summary["sides"]):
        title = escape(side["plural"])
        table = Table(title, "associations", title=f"highest degrees of {title}")
        for row in side["top"]:
            table.add_row(row["name"], str(row["associations"]))
        console.print(table)


@app.command()
def check(
    path: Annotated[str, typer.Argument(help="A folder with your own data, or a name.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a folder of your own data: everything amiss is named with file, row and column.

    Then what the similarities mean, whether they were computed from the associations, and which
    protocols can split the data. `tune` asks the same before a study begins.

    Example: `mmatune data check my-data`
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        dataset = load(path, _data_dir(data_dir))
        found = findings(dataset)
        warn_of(one for one in found if not one.is_fault)
    told = [str(one.message) for one in caught if issubclass(one.category, DataWarning)]
    unusable = unusable_protocols(dataset)
    problems = Problems()
    with problems.gathered():
        check_name(dataset.name)
    gather_faults(found, problems)
    if len(unusable) == len(PROTOCOLS):
        problems.add(
            f"no protocol can split these data: {next(iter(unusable.values()))}",
            where=dataset.name,
            hint="more associations are needed",
        )
    summary = _summary(dataset)
    if not as_json:
        console.print(_summary_table(summary))
        for line in told:
            console.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True)
        for name, why in unusable.items():
            line = f"the protocol {name} cannot be used: {why}"
            console.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True)
    problems.raise_any()
    if as_json:
        extra = {"warnings": told, "unusable_protocols": unusable}
        return print_json({"ok": True, **summary, **extra})
    usable = ", ".join(_shown(name, dataset) for name in PROTOCOLS if name not in unusable)
    console.print(f"[green]ok[/]: every check passed; protocols that can be used: {usable}")


@app.command()
def symmetrise(
    path: Annotated[Path, typer.Argument(help="A folder with your own data.")],
    new: Annotated[Path, typer.Argument(help="A folder that is empty or not there yet.")],
    as_json: JsonOption = False,
) -> None:
    """Write your own data with symmetric similarities: the mean of A to B and B to A.

    Published similarities often differ a little between the two directions. Differences up to
    0.001 need no such copy, they are averaged when the data are read.

    Example: `mmatune data symmetrise my-data my-data-symmetric`
    """
    dataset = load_user_folder(path, average=True)
    write_user_folder(dataset, new)
    if as_json:
        return print_json({"folder": str(new), "data_hash": dataset.content_hash})
    console.print(f"wrote {new}; check it with `mmatune data check {new}`", markup=False)


@app.command()
def download(
    data: Annotated[str, typer.Argument(help="A name that `mmatune data list` shows.")],
    data_dir: DataDirOption = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Where the data sets are, one folder for each below it; by default where their"
            " authors put them."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a public data set from its authors' repository, verified.

    A transfer that was cut off goes on where it stopped; files that are here already stay. What is
    not in a form of ours is imported, as by `mmatune data import`. Where a file's checksum is not
    known, the sizes and the number of associations are checked.

    Example: `mmatune data download dataset2`
    """
    folder = _data_dir(data_dir)
    quiet = as_json or not console.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, TransferSpeedColumn(), console=console, disable=quiet, transient=True
    ) as bar:
        tasks: dict[str, Any] = {}

        def advance(name: str, received: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=received, total=total)

        files = fetch(data, folder, base_url=base_url, on_progress=advance)
    if as_json:
        rows = [{"name": name, "status": status} for name, status in files.items()]
        return print_json({"dataset": data, "folder": str(folder / data), "files": rows})
    unverified = (
        {file.name for file in PUBLIC[data].files if not file.expected}
        if (data in PUBLIC)
        else set()
    )
    for name, status in files.items():
        how = "checked by its sizes alone" if name in unverified else "verified"
        console.print(f"{name}: {status}, {how}", markup=False)
    console.print(f"{data} is in {folder / data}", markup=False, soft_wrap=True)


@app.command()
def synth(
    path: Annotated[Path, typer.Argument(help="A folder that is empty or not there yet.")],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another network.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write the generated demo data as a folder of your own data, to see the format.

    Example: `mmatune data synth my-data --seed 7`
    """
    dataset = demo(seed)
    write_user_folder(dataset, path)
    if as_json:
        return print_json({"folder": str(path), "seed": seed, "data_hash": dataset.content_hash})
    console.print(f"wrote {path}; check it with `mmatune data check {path}`", markup=False)


app.command()(similarity)


def _data_dir(given: Path | None) -> Path:
    from tuning.home import home

    return given.expanduser() if given else home() / "data"


def _sizes(kinds: Kinds, rows: int, columns: int, associations: int) -> dict[str, Any]:
    return {
        "kinds": as_record(kinds),
        "rows": rows,
        "columns": columns,
        "associations": associations,
    }


def _sizes_of(dataset: AssociationDataset) -> dict[str, Any]:
    counts = len(dataset.rows), len(dataset.columns), len(dataset.association_pairs)
    return _sizes(dataset.kinds, *counts)


def _shown(protocol: str, dataset: AssociationDataset) -> str:
    """A protocol's name, with the data's words where it is about one side."""
    side = {"row": 0, "column": 1}.get(PROTOCOLS[protocol].split_by)
    return protocol if side is None else f"{protocol} (new {dataset.kinds[side].plural})"


def _presence(row: dict[str, Any]) -> str:
    if row["folder"] is None:
        return "made on the spot"
    return "yes" if row["present"] else "no"


def _summary(dataset: AssociationDataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "data_hash": dataset.content_hash,
        **_sizes_of(dataset),
        "density": float(dataset.associations.mean()),
        "sides": [_side(dataset, side) for side in (0, 1)],
    }


def _side(dataset: AssociationDataset, side: int) -> dict[str, Any]:
    kind, names, _ = dataset.sides[side]
    degrees = dataset.associations.sum(axis=1 - side, dtype=np.int64)
    order = np.argsort(-degrees, kind="stable")[:_TOP]
    twins = twin_groups(names)
    return {
        "kind": kind.name,
        "plural": kind.plural,
        "count": len(names),
        "without_association": int((degrees == 0).sum()),
        "with_one_association": int((degrees == 1).sum()),
        "top": [{"name": names[row], "associations": int(degrees[row])} for row in order],
        "twin_groups": len(twins),
        "twins": sum(len(group) for group in twins),
    }


def _summary_table(summary: dict[str, Any]) -> Table:
    table = Table(show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    rows = [("data set", summary["dataset"])]
    for side in summary["sides"]:
        rows += [
            (side["plural"], str(side["count"])),
            ("  without an association", str(side["without_association"])),
            ("  with one", str(side["with_one_association"])),
        ]
        if side["twins"]:
            # Their names look like it, whatever the data call them.
            twins = f"{side['twins']} precursors of {side['twin_groups']} mature miRNAs, by name"
            rows.append(("  twins", twins))
    associations = summary["associations"]
    rows.append(("associations", f"{associations}, {summary['density']:.1%} of all pairs"))
    for side in summary["sides"]:
        held = sum(row["associations"] for row in side["top"]) / associations
        rows.append((f"  held by the top {len(side['top'])} {side['plural']}", f"{held:.0%}"))
    rows.append(("content hash", summary["data_hash"]))
    for label, text in rows:
        table.add_row(escape(label), escape(text))
    return table
