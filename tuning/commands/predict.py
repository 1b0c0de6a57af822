"""`mmatune predict`: rank the unknown pairs of one small molecule or miRNA."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.errors import InputError
from tuning.console import JsonOption, console, print_json

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities.model_registry import ModelVersion
    from rich.table import Table


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

    Known associations appear where their score puts them, are marked, and take no rank.

    In `--json`, `rank` counts the unknown pairs of this small molecule or miRNA and
    `network_rank` those of the whole network (the model's own column `rank`).

    **Example:** `mmatune predict sm-mirna --small-molecule Doxorubicin --top 20`
    """
    if (small_molecule is None) == (mirna is None):
        raise InputError(
            "give either --small-molecule or --mirna",
            where="predict",
            hint="one of them names what to rank the unknown pairs of",
        )
    kind = "mirna" if small_molecule is None else "small_molecule"
    name = mirna if small_molecule is None else small_molecule
    assert name is not None
    with console.status("loading the model"):
        found, pairs = _score_partners(model, kind, name)
    ranking = rank_pairs(pairs, top)
    if as_json:
        print_json(
            {
                "model": found.name,
                "version": int(found.version),
                "query": {"kind": kind, "name": name},
                "rows": ranking.to_dict(orient="records"),
            }
        )
    else:
        console.print(_table(ranking, found, kind, name))
        console.print(_caption(found), style="dim")


def rank_pairs(pairs: pd.DataFrame, top: int) -> pd.DataFrame:
    """The best `top` unknown pairs and the known ones that score no worse, best first.

    Args:
        pairs: what the scorer returns for all pairs of one small molecule or miRNA.
        top: number of unknown pairs; all are kept where there are fewer.

    Returns:
        `mirna`, `small_molecule`, `probability` (0 to 1), `rank` (1, 2, ... among the unknown
        pairs given, None for known ones), `known`, `network_rank` (the scorer's `rank`).
        Equal scores keep the order of the data set.
    """
    ranking = pairs.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    ranking = ranking.rename(columns={"rank": "network_rank"})
    unknown_so_far = (~ranking["known"]).cumsum()
    # Whole numbers and None, which JSON can carry, as in the scorer's own ranks.
    ranking["rank"] = unknown_so_far.astype(object).mask(ranking["known"], None)
    # Ends with the last unknown pair asked for: known ones below it are of no use in a ranking.
    shown = ranking[(unknown_so_far - ~ranking["known"]) < top]
    return shown[["mirna", "small_molecule", "probability", "rank", "known", "network_rank"]]


def _score_partners(reference: str, kind: str, name: str) -> tuple[ModelVersion, pd.DataFrame]:
    """The model version that was used, and its answer for every pair of the named thing."""
    import pandas as pd

    from tuning.registry import load, resolve

    found = resolve(reference)
    model = load(found)
    scorer = model.unwrap_python_model()
    if not hasattr(scorer, "small_molecules"):
        raise InputError(
            f"{found.name} version {found.version} does not score small molecules and miRNAs",
            where="model",
            hint="`mmatune model list` shows what is registered",
        )
    names = {"mirna": list(scorer.mirnas), "small_molecule": list(scorer.small_molecules)}
    _check_name(name, names[kind], kind)
    names[kind] = [name]
    pairs = pd.MultiIndex.from_product(names.values(), names=names.keys()).to_frame(index=False)
    return found, model.predict(pairs)


def _check_name(name: str, names: list[str], kind: str) -> None:
    if name in names:
        return
    by_lower_case = {known.lower(): known for known in names}
    close = [by_lower_case[match] for match in get_close_matches(name.lower(), by_lower_case)]
    raise InputError(
        f"{name!r} is not in the network this model was trained on",
        where="--" + kind.replace("_", "-"),
        hint=f"did you mean {', '.join(close)}?" if close else f"one of: {names[0]}, ...",
    )


def _table(ranking: pd.DataFrame, found: ModelVersion, kind: str, name: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    of, partner, column = (
        ("miRNAs", "miRNA", "mirna")
        if kind == "small_molecule"
        else ("small molecules", "small molecule", "small_molecule")
    )
    table = Table(title=f"{of} for {escape(name)}, by {escape(found.name)} version {found.version}")
    table.add_column("rank", justify="right")
    table.add_column(partner, overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("rank in network", justify="right")
    table.add_column("association")
    for row in ranking.to_dict(orient="records"):
        ranks = [_text(row["rank"]), _text(row["network_rank"])]
        mark, style = ("known", "dim") if row["known"] else ("", None)
        shown = escape(str(row[column]))
        table.add_row(ranks[0], shown, f"{row['probability']:.4f}", ranks[1], mark, style=style)
    return table


def _text(rank: Any) -> str:
    return "" if rank is None else str(rank)


def _caption(found: ModelVersion) -> str:
    study, protocol = found.tags.get("study", "?"), found.tags.get("protocol", "?")
    return (
        f"Study {study}, protocol {protocol}. Of the pairs with such a probability this share would"
        " be hidden associations, were as many hidden as one fold held out; see the model's page."
    )
