"""`mmatune confirm`: is the best of a study any good, and is it better than the others?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from tuning.commands.tune import DataDirOption, GpusOption
from tuning.console import JsonOption, console, print_json
from tuning.metric import AP, metric_beside, metric_label

if TYPE_CHECKING:
    from tuning.confirm.confirmation import Confirmation
    from tuning.confirm.optimism import Shift

AcrossOption = Annotated[
    bool,
    typer.Option(
        "--across", help="Move `champion` also from other data, another protocol or metric."
    ),
]


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
    across: AcrossOption = False,
    gpus_per_trial: GpusOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a study's best on fresh splits and seeds, then open the sealed part, once.

    Each configuration is trained with three seeds on every split. Of those within 0.002 of the best
    mean the simplest is chosen, trained on all development associations and measured on the sealed
    ones. Then it is trained on all associations, for use. `champion` moves to it if it is better
    beyond noise than the present one, and never if a baseline has a higher mean.

    Example: `mmatune confirm dataset2-20260101-120000 --top 5`
    """
    from tuning.confirm.confirmation import (
        ConfirmationPlan,
        baselines_to_confirm,
        confirm_study,
    )
    from tuning.home import data_folder
    from tuning.record.finished_study import read_study

    found = read_study(study, data, data_dir or data_folder())
    result = confirm_study(
        ConfirmationPlan(
            found,
            top=top,
            splits=splits,
            gpus_per_trial=gpus_per_trial,
            baselines=baselines_to_confirm(found),
            across=across,
        )
    )
    if as_json:
        print_json(result.document())
    _show(result)


def _show(result: Confirmation) -> None:
    from tuning.registry.conclusion import conclusion, tied_with_best

    verdict, document = result.verdict, result.document()
    console.print(conclusion(document), markup=False, style="bold", soft_wrap=True)
    console.print(_table(result))
    by_name = {row["name"]: row for row in result.rows}
    near = ", ".join(
        f"{name} ({by_name[name]['weights']:,} weights, {by_name[name]['seconds_per_fold']:.1f} s)"
        for name in verdict.within_margin
    )
    tied = ", ".join(tied_with_best(document))
    console.print(f"Statistically tied with the best (Holm, 5 %): {tied}.")
    console.print(f"Within {verdict.margin:g} of the best mean (seconds a model): {near}.")
    console.print(f"Chosen, the one of these with the fewest weights: {verdict.chosen}.")
    console.print(_chosen_line(result))
    for line in _optimism_lines(result):
        console.print(line)
    _show_sealed(result)
    if verdict.winning_baselines:
        won = ", ".join(verdict.winning_baselines)
        console.print(f"[bold yellow]Significantly better than {verdict.chosen}:[/] {won}.")
    elif verdict.baselines_ahead:
        console.print(
            "[bold yellow]A baseline is ahead in the mean:[/]"
            f" {', '.join(verdict.baselines_ahead)}. These splits cannot tell them apart, but the"
            " champion does not move to such a model."
        )
    model = result.registration
    console.print(f"Model: {model.model}/{model.version}; {model.reason}.")
    if result.refit is not None:
        console.print(
            f"For use: {model.model}/{result.refit}, the same trained on all associations, the"
            f" sealed ones too. It has no score of its own: they are of version {model.version}."
        )
    study = result.plan.study.name
    reference = f"{model.model}/{result.refit or model.version}"
    pairs = ["mmatune", "predict", reference, "--all", "--out", "pairs.csv"]
    for start, words in (("Next:", pairs), ("", ["mmatune", "report", study])):
        console.print(f"{start:6} {shlex.join(words)}", markup=False, soft_wrap=True)


def _optimism_lines(result: Confirmation) -> Iterator[str]:
    found, label = result.optimism, _label(result, result.plan.study.metric)
    if found is None:
        return
    yield (
        f"From development folds to fresh splits of the same associations the winner's score moves"
        f" by {_change(found.winner)} {label}: the search chose it by the first."
    )
    if found.baselines is not None and found.beyond is not None:
        yield (
            f"  The baselines, which no search chose, move by {_change(found.baselines)}; of the"
            f" winner {_change(found.beyond)} remains."
        )


def _change(shift: Shift) -> str:
    """A shift with the sign that all tables have: plus is better."""
    changed = f"{-shift.value:+.4f}"
    return changed if shift.standard_error is None else f"{changed} ± {shift.standard_error:.4f}"


def _chosen_line(result: Confirmation) -> str:
    """The chosen configuration's scores, and how it compares with the best baseline."""
    verdict = result.verdict
    chosen = next(row for row in result.rows if row["name"] == verdict.chosen)
    metric = result.plan.study.metric
    beside = metric_beside(metric)
    scores = f"{_named(result, metric)} {_confirmed(chosen, metric)}"
    line = f"  on fresh splits: {scores}, {_named(result, beside)} {_beside(chosen, beside)}"
    compared = {one.name: one for one in verdict.chosen_comparisons}
    baseline = next(
        (
            row["name"]
            for row in result.rows
            if row["kind"] == "baseline" and row["name"] in compared
        ),
        None,
    )
    if baseline is None:
        return f"{line}."
    difference, p = compared[baseline].difference, compared[baseline].p_holm
    compared_with = f"{difference:+.4f} {_label(result, metric)} from {baseline}"
    return f"{line}; {compared_with}, the best baseline (paired, p {p:.2g})."


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
    sealed = result.sealed
    for name, scores, form in (
        (sealed.model.name, sealed.model.scores, ".4f"),
        (sealed.baseline.name, sealed.baseline.scores, ".4f"),
        ("difference, paired", sealed.difference, "+.4f"),
    ):
        shown = ", ".join(
            f"{_label(result, metric)} {one.value:{form}} ({one.low:{form}} to {one.high:{form}})"
            for metric, one in scores.items()
        )
        console.print(f"  {name}: {shown}")


def _table(result: Confirmation) -> Table:
    plan = result.plan
    title = (
        f"{plan.study.name}: {plan.study.dataset.name}, protocol {plan.study.protocol.name},"
        f" {plan.splits} fresh splits"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("name", no_wrap=True)
    # Times and optimism are said below, and are in the JSON: a terminal has 80 columns.
    metric = plan.study.metric
    beside = metric_beside(metric)
    scores = (f"{_label(result, one)} ± se" for one in (metric, beside))
    for column in (*scores, "from best", "p"):
        table.add_column(column, justify="right", no_wrap=True)
    comparisons = {one.name: one for one in result.verdict.comparisons}
    for row in result.rows:
        compared = comparisons.get(row["name"])
        table.add_row(
            row["name"],
            _confirmed(row, metric) or "diverged",
            _beside(row, beside),
            _number(-compared.difference if compared else None, "+.4f"),
            _number(compared.p_holm if compared else None, ".2g"),
            style="yellow" if row["kind"] == "baseline" else None,
        )
    return table


def _label(result: Confirmation, metric: str) -> str:
    return metric_label(metric, result.plan.study.dataset.kinds)


def _named(result: Confirmation, metric: str) -> str:
    """AP depends on how many unknown pairs there are for an association, so it says how many."""
    return f"{_label(result, metric)}{' (1:1)' if metric == AP else ''}"


def _confirmed(row: dict[str, Any], metric: str) -> str:
    return _score(row[f"confirmed_{metric}"], row["standard_error"])


def _beside(row: dict[str, Any], metric: str) -> str:
    return _score(row[metric], row[f"{metric}_standard_error"])


def _score(mean: float | None, standard_error: float | None) -> str:
    if mean is None or standard_error is None:
        return ""
    return f"{mean:.4f} ± {standard_error:.4f}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
