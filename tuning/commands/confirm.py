"""`mmatune confirm`: is the best of a study any good, and is it better than the others?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tuning.commands.tune import DataDirOption, GpusOption
from tuning.console import JsonOption, console, print_json

if TYPE_CHECKING:
    from tuning.confirmation import Confirmation


def confirm(
    study: Annotated[str, typer.Argument(help="Name of the study, see `mmatune study list`.")],
    top: Annotated[
        int, typer.Option("--top", min=1, help="How many of its best configurations.")
    ] = 5,
    splits: Annotated[
        int, typer.Option("--splits", min=1, help="Fresh partitions, each with its own seed.")
    ] = 5,
    data: Annotated[
        str | None, typer.Option("--data", help="Folder of the study's data, if it is your own.")
    ] = None,
    gpus_per_trial: GpusOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a study's best on fresh splits and seeds, then open the sealed part, once.

    The cheapest configuration that cannot be told from the best is trained on all development
    associations and ranked on the sealed ones. `champion` moves to it if that is an improvement
    beyond noise, and never if a baseline is significantly better.

    Example: `mmatune confirm dataset2-20260101-120000 --top 5`
    """
    from tuning.confirmation import ConfirmationPlan, confirm_study
    from tuning.confirmed_study import read_study
    from tuning.home import data_folder

    found = read_study(study, data, data_dir or data_folder())
    result = confirm_study(
        ConfirmationPlan(found, top=top, splits=splits, gpus_per_trial=gpus_per_trial)
    )
    if as_json:
        print_json(result.document())
    _show(result)


def _show(result: Confirmation) -> None:
    verdict = result.verdict
    console.print(_table(result))
    tied = ", ".join(verdict.tied)
    console.print(f"Statistically tied with the best (Holm, 5 %): {tied}.")
    console.print(f"Chosen, the cheapest of them to train (within 20 %): {verdict.chosen}.")
    if result.optimism is not None:
        console.print(
            f"Optimism of the search: {result.optimism:+.4f} AUC, the winner's development score"
            " minus its score on fresh splits of the same associations."
        )
    _show_sealed(result)
    if verdict.winning_baselines:
        console.print(
            f"[bold yellow]A baseline wins:[/] {', '.join(verdict.winning_baselines)},"
            f" significantly better than {verdict.best}. Use it, or search further."
        )
    model = result.registration
    console.print(f"Model: {model.model}/{model.version}; {model.reason}.")


def _show_sealed(result: Confirmation) -> None:
    if result.sealed is None and result.verdict.winning_baselines:
        console.print("The sealed part stays sealed: there is nothing left for it to decide.")
        return
    if result.sealed is None:
        protocol = result.plan.study.protocol.name
        console.print(f"The protocol {protocol!r} seals nothing: there was no unseen part to open.")
        return
    if result.opened > 1:
        console.print(
            f"[bold red]The sealed part has now been opened {result.opened} times.[/] Whatever was"
            " chosen after the first time may have been chosen by it: this is no unseen test."
        )
    if result.opened_by_others:
        names = ", ".join(result.opened_by_others)
        console.print(
            f"[bold red]Other studies have opened the same sealed associations:[/] {names}."
            " Another --seed seals others."
        )
    console.print("Sealed part, trained on all the rest (95 % bootstrap intervals):")
    for score in result.sealed:
        console.print(
            f"  {score.name}: AUC {score.auc:.4f} ({score.auc_low:.4f} to {score.auc_high:.4f}),"
            f" AP {score.ap:.4f} ({score.ap_low:.4f} to {score.ap_high:.4f})"
        )


def _table(result: Confirmation) -> Table:
    plan = result.plan
    title = (
        f"{plan.study.name}: {plan.study.dataset.name}, protocol {plan.study.protocol.name},"
        f" {plan.splits} fresh splits"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("name", no_wrap=True)
    for column in ("AUC ± se", "AP ± se", "optimism", "s/fold", "to best", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    comparisons = {one.name: one for one in result.verdict.comparisons}
    for row in result.rows:
        compared = comparisons.get(row["name"])
        failed = row["confirmed_auc"] is None
        table.add_row(
            row["name"],
            "diverged" if failed else f"{row['confirmed_auc']:.4f} ± {row['standard_error']:.4f}",
            "" if failed else f"{row['ap']:.4f} ± {row['ap_standard_error']:.4f}",
            _number(row["optimism"], "+.4f"),
            _number(row["seconds_per_fold"], ".1f"),
            _number(compared.difference if compared else None, "+.4f"),
            _number(compared.p_holm if compared else None, ".2g"),
            style="yellow" if row["kind"] == "baseline" else None,
        )
    return table


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
