"""`mmatune baselines`: what a model has to beat."""

from __future__ import annotations

from typing import Annotated

import typer

from tuning.commands.tune import DataDirOption, GroupsOption, ProtocolOption, SeedOption
from tuning.console import JsonOption, console, print_json


def baselines(
    dataset: Annotated[
        str, typer.Argument(help="demo, dataset1, dataset2, or the folder of your own data.")
    ],
    protocol: ProtocolOption = "honest",
    groups: GroupsOption = None,
    data_dir: DataDirOption = None,
    seed: SeedOption = 0,
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also the four models that the paper compares with (DAESTB, BNNRSMMA, GISMMA,"
            " EKRRSMMA): a minute on dataset2, many on dataset1.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the baselines on the development folds of a data set.

    Example: `mmatune baselines demo`

    Example: `mmatune baselines dataset2 --protocol random --all`
    """
    from model.data.catalogue import load
    from model.evaluation.groups import chosen_protocol
    from model.evaluation.protocols import development_folds
    from tuning.commands.rivals import chosen_baselines
    from tuning.home import data_folder
    from tuning.metric import AUC, ranking_key
    from tuning.record.leaderboard import leaderboard_table, score_row
    from tuning.search.baseline_cache import cached_evaluation

    loaded = load(dataset, data_dir or data_folder())
    measured = chosen_protocol(protocol, groups, loaded)
    folds = development_folds(loaded, measured, seed)
    rows = []
    for name in chosen_baselines("all" if every else "core"):
        with console.status(f"{name} ..."):
            summary = cached_evaluation(name, loaded, measured.name, seed, folds).summary()
        rows.append(score_row(name, "baseline", summary))
    rows.sort(key=lambda row: ranking_key(row[AUC]))
    if as_json:
        print_json(
            {
                "dataset": loaded.name,
                "data_hash": loaded.content_hash,
                "protocol": measured.name,
                "rows": rows,
            }
        )
        return
    title = f"{loaded.name}, protocol {measured.name}, development folds"
    console.print(leaderboard_table(rows, title=title))
    console.print(measured.meaning)
