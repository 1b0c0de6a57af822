"""`mmatune folds`: protocols, and their folds as files that any model can be measured on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from tuning.commands.tune import DataDirOption, GroupsOption, ProtocolOption
from tuning.console import JsonOption, console, print_json

app = typer.Typer(
    help="Show protocols, export their folds, measure anybody's predictions on them.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
)


@app.command()
def protocols(as_json: JsonOption = False) -> None:
    """List the protocols, and what a score under each means and does not mean.

    Example: `mmatune folds protocols`
    """
    from dataclasses import asdict

    from model.data.kinds import ANY_KINDS
    from model.evaluation.protocols import PROTOCOLS, case_study

    known = [
        protocol.in_words_of(ANY_KINDS) for protocol in (*PROTOCOLS.values(), case_study("NAME"))
    ]
    if as_json:
        return print_json([asdict(protocol) for protocol in known])
    table = Table(show_lines=True)
    table.add_column("protocol", style="bold", overflow="fold", min_width=12)
    table.add_column("folds", justify="right")
    table.add_column("sealed", justify="right")
    table.add_column("what a score means")
    for protocol in known:
        sealed = f"{protocol.sealed_fraction:.0%}" if protocol.sealed_fraction else "-"
        table.add_row(escape(protocol.name), str(protocol.folds), sealed, escape(protocol.meaning))
    console.print(table)


@app.command("export")
def export_folds(
    dataset: Annotated[
        str, typer.Argument(help="demo, dataset1, dataset2, or the folder of your own data.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write, JSON.")],
    protocol: ProtocolOption = "honest",
    groups: GroupsOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, other folds.")] = 0,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the development folds of a data set to a file, by name.

    The sealed part is left out: its associations are in no list of the file, neither to train on
    nor to rank. The same data, protocol and seed always give the same file.

    Example: `mmatune folds export dataset2 --protocol honest --seed 0 --out folds.json`
    """
    from model.data.catalogue import load
    from model.evaluation.folds_file import FoldsFile
    from model.evaluation.groups import chosen_protocol
    from tuning.home import data_folder

    loaded = load(dataset, data_dir or data_folder())
    folds = FoldsFile.of(loaded, chosen_protocol(protocol, groups, loaded), seed)
    folds.write(out)
    if as_json:
        keys = {"dataset", "data_hash", "protocol", "seed"}
        return print_json(
            {**folds.model_dump(include=keys), "file": str(out), "folds": len(folds.folds)}
        )
    console.print(f"wrote {out}: {len(folds.folds)} folds", markup=False, soft_wrap=True)
    console.print(
        "Train on each fold's `train`, score its `held_out` and `ranked_against`, then:"
        f" mmatune folds score {out} predictions.csv",
        markup=False,
        soft_wrap=True,
    )


@app.command("score")
def score_predictions(
    file: Annotated[Path, typer.Argument(help="What `mmatune folds export` wrote.")],
    predictions: Annotated[
        Path,
        typer.Argument(help="CSV with the columns fold, first, second, score; higher is likelier."),
    ],
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Scores from here on predict an association, e.g. 0.5."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure predictions on exported folds, as trials and baselines are measured.

    `fold` counts from 0; `first` and `second` are the names of a pair, in either order. Without a
    threshold there are no metrics that need one (accuracy, F1 and the like).

    Example: `mmatune folds score folds.json predictions.csv`
    """
    from model.evaluation.folds_file import read_folds
    from model.evaluation.predictions_file import evaluate_predictions
    from tuning.record.leaderboard import leaderboard_table, score_row

    folds = read_folds(file)
    evaluation = evaluate_predictions(folds, predictions, threshold=threshold)
    row = score_row(predictions.stem, "predictions", evaluation.summary())
    if as_json:
        keys = {"dataset", "data_hash", "protocol", "seed"}
        of_folds = [_without_nan(fold) for fold in evaluation.folds]
        return print_json({**folds.model_dump(include=keys), "rows": [row], "folds": of_folds})
    title = f"{folds.dataset}, protocol {folds.protocol}, seed {folds.seed}, development folds"
    console.print(leaderboard_table([row], title=escape(title)))
    console.print(folds.meaning, markup=False)


def _without_nan(metrics: dict[str, float]) -> dict[str, Any]:
    return {name: None if math.isnan(value) else value for name, value in metrics.items()}
