"""`mmatune train`: one configuration, straight, on all development folds."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import yaml
from rich.progress import Progress

from model.errors import InputError
from tuning.commands.tune import DataDirOption, GroupsOption, ProtocolOption, SeedOption
from tuning.console import JsonOption, console, print_json


def train(
    dataset: Annotated[
        str, typer.Argument(help="demo, dataset1, dataset2, or the folder of your own data.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting as name=value, e.g. encoder.type=sage; repeatable."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Start from the published code's settings.")
    ] = False,
    protocol: ProtocolOption = "honest",
    groups: GroupsOption = None,
    data_dir: DataDirOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train and measure one configuration.

    Example: `mmatune train dataset2 --published --protocol paper`
    """
    from model.autoencoder import Configuration
    from model.catalogue import load
    from model.cross_validation import CrossValidation
    from model.groups import chosen_protocol
    from model.metrics import METRICS
    from model.protocols import development_folds
    from tuning.home import data_folder
    from tuning.leaderboard import score_row, with_spread

    start = Configuration.published() if published else Configuration()
    config = Configuration.from_dotted({**start.dotted(), **_parsed(settings or [])})
    loaded = load(dataset, data_dir or data_folder())
    measured = chosen_protocol(protocol, groups, loaded)
    folds = development_folds(loaded, measured, seed)
    validation = CrossValidation(config, loaded, folds, seed=seed)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("training", total=config.training.epochs)
        while validation.epoch < config.training.epochs:
            validation.train(min(10, config.training.epochs - validation.epoch))
            progress.update(task, completed=validation.epoch)
    evaluation = validation.evaluate()
    row = score_row(f"{loaded.name} seed {seed}", "trial", evaluation.summary())
    if as_json:
        print_json(
            {
                "dataset": loaded.name,
                "data_hash": loaded.content_hash,
                "protocol": measured.name,
                "rows": [{**row, "params": config.dotted()}],
                "folds": evaluation.folds,
            }
        )
        return
    console.print(f"{loaded.name}, protocol {measured.name}, {len(folds)} development folds")
    for name in METRICS:
        if row[name] is not None:
            console.print(f"  {name:4} {with_spread(row[name], row[f'{name}_sd'])}")
    console.print(measured.meaning)


def _parsed(settings: list[str]) -> dict[str, Any]:
    values = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise InputError(f"{setting!r} is not name=value", where="--set")
        values[name] = yaml.safe_load(value)
    return values
