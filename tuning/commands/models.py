"""`mmatune model`: the registered models."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tuning.console import JsonOption, console, print_json

app = typer.Typer(help="Look at the registered models.", no_args_is_help=True)


@app.command("list")
def list_registered(as_json: JsonOption = False) -> None:
    """List every version of every registered model, newest first.

    Scores of rows that differ in protocol, metric or data set are not comparable. A version that
    was trained on all associations has none: the table names the version that was measured.

    **Example:** `mmatune model list`
    """
    with console.status("asking the registry"):
        from tuning.registry.versions import list_models

        rows = list_models()
    if as_json:
        print_json(rows)
    elif not rows:
        console.print("No model is registered yet; `mmatune tune` registers a study's best.")
    else:
        _print_table(rows)


@app.command()
def show(
    model: Annotated[
        str, typer.Argument(help="Registered model: `name` (its champion), `name@alias`, `name/3`.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Show a version's model card: what it is, what it was trained on, whose its scores are.

    **Example:** `mmatune model show dataset2`
    """
    with console.status("asking the registry"):
        from tuning.registry.model_card import MEASURED, card_file
        from tuning.registry.versions import resolve

        found = resolve(model)
    number, tags = int(found.version), dict(found.tags)
    text = card_file(found.name, number, found.description or "", tags)
    if as_json:
        measured = int(tags[MEASURED]) if MEASURED in tags else None
        print_json(
            {
                "model": found.name,
                "version": number,
                "measured_version": measured,
                "tags": tags,
                "card": text,
            }
        )
        return
    console.print(text, markup=False, soft_wrap=True)


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from model.data.kinds import of_record
    from tuning.metric import metric_label

    # Without lines between columns: a terminal has 80.
    table = Table(title="registered models", box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("version", justify="right")
    table.add_column("alias")
    table.add_column("study", overflow="fold")
    table.add_column("protocol")
    table.add_column("development", justify="right")
    table.add_column("fresh splits", justify="right", no_wrap=True)
    table.add_column("sealed (95 %)", justify="right")
    for row in rows:
        label = metric_label(row["metric"], of_record(row["kinds"]))
        measured = row["measured_version"]
        table.add_row(
            escape(row["name"]),
            str(row["version"]),
            escape(", ".join(row["aliases"])),
            escape(row["study"] or "-"),
            escape(row["protocol"] or "-"),
            _score(label, row["development"]),
            _plain(row["fresh"]) if measured is None else f"see version {measured}",
            _interval(row),
        )
    console.print(table)


def _score(metric: str, value: float | None) -> str:
    return "-" if value is None else f"{metric} {value:.4f}"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _interval(row: dict[str, Any]) -> str:
    """On the sealed part, which is other pairs: no gain or loss against the columns beside it."""
    if row["confirmed"] is None:
        return "-"
    ends = row["sealed_low"], row["sealed_high"]
    shown = f"{row['confirmed']:.4f}"
    return shown if None in ends else f"{shown} ({ends[0]:.4f} to {ends[1]:.4f})"
