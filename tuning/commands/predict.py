"""`mmatune predict`: rank the unknown pairs of one thing of either side, or of the network."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.data.kinds import MIRNA, SMALL_MOLECULE
from model.errors import InputError
from tuning.commands.tune import DataDirOption
from tuning.console import JsonOption, console, print_json

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from rich.table import Table

    from tuning.registry.ranking import Ranking

# As many known associations in a row are shown by name: a model scores most of them above all
# unknown pairs, which are what is asked for.
_KNOWN_BY_NAME = 5


def predict(
    model: Annotated[
        str, typer.Argument(help="Registered model: `name` (its champion), `name@alias`, `name/3`.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--for", help="Rank the partners of this one: a name of either side."),
    ] = None,
    side: Annotated[
        str | None, typer.Option(help="Its kind, such as gene: for a name that is on both sides.")
    ] = None,
    small_molecule: Annotated[
        str | None, typer.Option(help="The same as `--for NAME --side 'small molecule'`.")
    ] = None,
    mirna: Annotated[
        str | None, typer.Option(help="The same as `--for NAME --side miRNA`.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Rank the pairs of the whole network.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="How many unknown pairs to show.")] = 20,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A file to write, with evidence and links: .csv, .tsv, .json."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Folder of the model's data, if it is your own: for evidence."),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank the unknown pairs of one thing of either side, or of all, with a registered model.

    Known associations appear where their score puts them, are marked, and take no rank; more than
    five in a row are only counted, `--json` names them.

    In `--json`, `rank` counts the unknown pairs of this one and `network_rank` those of the whole
    network (the model's own column `rank`).

    `--out` writes a row for each pair: known associations of both, of the known partners on either
    side the one most similar, with its similarity, and links to databases.

    **Example:** `mmatune predict sm-mirna --for Doxorubicin --top 20`

    **Example:** `mmatune predict sm-mirna --all --top 200 --out pairs.csv`
    """
    if everything and (name, side, small_molecule, mirna) != (None,) * 4:
        raise InputError("--all ranks every pair: give no name with it", where="predict")
    asked, where = None, ""
    if not everything:
        asked, side, where = _asked(name, side, small_molecule, mirna)
    if out is not None:
        from tuning.registry.pair_table import check_out

        check_out(out)
    with console.status("loading the model"):
        from tuning.registry.ranking import rank_network, rank_partners

        if asked is None:
            found = rank_network(model, top)
        else:
            found = rank_partners(model, asked, side=side, top=top, where=where)
    version, place = found.version, found.side or 0
    if out is not None:
        _write(found, out, data, data_dir)
    if as_json and asked is None:
        rows = found.pairs.to_dict(orient="records")
        print_json({"model": version.name, "version": int(version.version), "rows": rows})
    elif as_json:
        print_json(
            {
                "model": version.name,
                "version": int(version.version),
                "query": {"kind": found.kinds[place].key, "name": asked},
                "rows": found.pairs.to_dict(orient="records"),
            }
        )
    elif out is None:
        console.print(_table(found, asked))
        console.print(_caption(version), style="dim")


def _asked(
    name: str | None, side: str | None, small_molecule: str | None, mirna: str | None
) -> tuple[str, str | None, str]:
    """The name, its side where that is given, and the option that gave the name."""
    given = {"--for": name, "--small-molecule": small_molecule, "--mirna": mirna}
    options = [option for option, value in given.items() if value is not None]
    if len(options) != 1:
        raise InputError(
            "give one name with --for, or --all"
            if not options
            else f"{' and '.join(options)}: give one",
            where="predict",
            hint="its unknown pairs are ranked, for example `--for Doxorubicin`",
        )
    (where,) = options
    if where != "--for":
        side = {"--small-molecule": SMALL_MOLECULE, "--mirna": MIRNA}[where].name
    return str(given[where]), side, where


def _write(found: Ranking, out: Path, data: str | None, data_dir: Path | None) -> None:
    from tuning.home import data_folder
    from tuning.registry.pair_table import as_text, known_data, pair_rows

    dataset, folder = known_data(found.version.tags, data, data_dir or data_folder())
    rows = pair_rows(found, dataset, folder)
    try:
        out.write_text(as_text(rows, out.suffix.lower()), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}", where="--out") from error
    known = sum(row["known"] for row in rows)
    console.print(
        f"{out}: {len(rows) - known} unknown pairs, best first; {known} known ones"
        " that score no worse are marked.",
        markup=False,
        soft_wrap=True,
    )
    if dataset is None:
        console.print(
            "Without evidence: the data that the model was trained on are not here; --data and"
            " --data-dir say where they are.",
            style="yellow",
        )


def _table(found: Ranking, name: str | None) -> Table:
    from rich.markup import escape
    from rich.table import Table

    # Of one thing the partners alone are named.
    kinds = found.kinds if name is None else (found.kinds[0 if found.side else 1],)
    by = f"{escape(found.version.name)} version {found.version.version}"
    what = "pairs" if name is None else f"{escape(kinds[0].plural)} for {escape(name)}"
    table = Table(title=f"{what}, by {by}")
    table.add_column("rank", justify="right")
    for kind in kinds:
        table.add_column(escape(kind.name), overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("rank in network", justify="right")
    table.add_column("association")
    pairs = found.pairs.to_dict(orient="records")
    for known, group in groupby(pairs, key=lambda row: row["known"]):
        rows = list(group)
        mark, style = ("known", "dim") if known else ("", None)
        if known and len(rows) > _KNOWN_BY_NAME:
            highest, lowest = rows[0]["probability"], rows[-1]["probability"]
            span = f"{lowest:.4f} to {highest:.4f}"
            counted = [
                f"{len(rows)} {kinds[0].plural if name else 'pairs'}",
                *[""] * len(kinds[1:]),
            ]
            table.add_row("", *counted, span, "", mark, style=style)
            continue
        for row in rows:
            ranks = [_text(row["rank"]), _text(row["network_rank"])]
            shown = [escape(str(row[kind.key])) for kind in kinds]
            cells = [ranks[0], *shown, f"{row['probability']:.4f}", ranks[1], mark]
            table.add_row(*cells, style=style)
    return table


def _text(rank: Any) -> str:
    return "" if rank is None else str(rank)


def _caption(found: ModelVersion) -> str:
    from tuning.registry.model_card import trained_on

    study, protocol = found.tags.get("study", "?"), found.tags.get("protocol", "?")
    sentences = [
        f"Study {study}, protocol {protocol}.",
        trained_on(found.tags),
        "Of the pairs with such a probability this share would be hidden associations, were as many"
        " hidden as one fold held out; see the model's page.",
    ]
    return " ".join(filter(None, sentences))
