"""`mmatune predict`: rank the unknown pairs of one thing of either side."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.data.kinds import MIRNA, SMALL_MOLECULE
from model.errors import InputError
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
    top: Annotated[int, typer.Option(min=1, help="How many unknown pairs to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Rank the unknown pairs of one thing of either side with a registered model.

    Known associations appear where their score puts them, are marked, and take no rank; more than
    five in a row are only counted, `--json` names them.

    In `--json`, `rank` counts the unknown pairs of this one and `network_rank` those of the whole
    network (the model's own column `rank`).

    **Example:** `mmatune predict sm-mirna --for Doxorubicin --top 20`
    """
    asked, side, where = _asked(name, side, small_molecule, mirna)
    with console.status("loading the model"):
        from tuning.registry.ranking import rank_partners

        found = rank_partners(model, asked, side=side, top=top, where=where)
    version, place = found.version, found.side or 0
    if as_json:
        print_json(
            {
                "model": version.name,
                "version": int(version.version),
                "query": {"kind": found.kinds[place].key, "name": asked},
                "rows": found.pairs.to_dict(orient="records"),
            }
        )
    else:
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
            "give one name with --for" if not options else f"{' and '.join(options)}: give one",
            where="predict",
            hint="its unknown pairs are ranked, for example `--for Doxorubicin`",
        )
    (where,) = options
    if where != "--for":
        side = {"--small-molecule": SMALL_MOLECULE, "--mirna": MIRNA}[where].name
    return str(given[where]), side, where


def _table(found: Ranking, name: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    kind = found.kinds[0 if found.side else 1]  # of the partners
    by = f"{escape(found.version.name)} version {found.version.version}"
    table = Table(title=f"{escape(kind.plural)} for {escape(name)}, by {by}")
    table.add_column("rank", justify="right")
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
            table.add_row("", f"{len(rows)} {kind.plural}", span, "", mark, style=style)
            continue
        for row in rows:
            ranks = [_text(row["rank"]), _text(row["network_rank"])]
            shown = escape(str(row[kind.key]))
            table.add_row(ranks[0], shown, f"{row['probability']:.4f}", ranks[1], mark, style=style)
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
