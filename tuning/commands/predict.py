"""`mmatune predict`: rank the unknown pairs of one small molecule or miRNA."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    small_molecule: Annotated[
        str | None, typer.Option(help="Rank the miRNAs for this small molecule.")
    ] = None,
    mirna: Annotated[
        str | None, typer.Option(help="Rank the small molecules for this miRNA.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many unknown pairs to show.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Rank the unknown pairs of one small molecule or one miRNA with a registered model.

    Known associations appear where their score puts them, are marked, and take no rank; more than
    five in a row are only counted, `--json` names them.

    In `--json`, `rank` counts the unknown pairs of this small molecule or miRNA and
    `network_rank` those of the whole network (the model's own column `rank`).

    **Example:** `mmatune predict sm-mirna --small-molecule Doxorubicin --top 20`
    """
    with console.status("loading the model"):
        from tuning.registry.ranking import rank_partners

        found = rank_partners(model, small_molecule=small_molecule, mirna=mirna, top=top)
    kind = "mirna" if small_molecule is None else "small_molecule"
    name = str(mirna if small_molecule is None else small_molecule)
    version = found.version
    if as_json:
        print_json(
            {
                "model": version.name,
                "version": int(version.version),
                "query": {"kind": kind, "name": name},
                "rows": found.pairs.to_dict(orient="records"),
            }
        )
    else:
        console.print(_table(found, kind, name))
        console.print(_caption(version), style="dim")


def _table(found: Ranking, kind: str, name: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    of, partner, column = (
        ("miRNAs", "miRNA", "mirna")
        if kind == "small_molecule"
        else ("small molecules", "small molecule", "small_molecule")
    )
    by = f"{escape(found.version.name)} version {found.version.version}"
    table = Table(title=f"{of} for {escape(name)}, by {by}")
    table.add_column("rank", justify="right")
    table.add_column(partner, overflow="fold")
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
            table.add_row("", f"{len(rows)} {of}", span, "", mark, style=style)
            continue
        for row in rows:
            ranks = [_text(row["rank"]), _text(row["network_rank"])]
            shown = escape(str(row[column]))
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
