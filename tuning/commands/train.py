"""`mmatune train`: one configuration, straight, on all development folds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from rich.progress import Progress

from model.errors import InputError
from tuning.commands.tune import DataDirOption, GroupsOption, ProtocolOption, SeedOption
from tuning.console import JsonOption, console, print_json

if TYPE_CHECKING:
    from tuning.repetition import Repetition

_OF_THE_RUN = ("settings", "published", "protocol", "groups", "seed")


def train(
    context: typer.Context,
    dataset: Annotated[
        str | None,
        typer.Argument(
            help="demo, dataset1, dataset2, or the folder of your own data; with --from-run only"
            " where the study's data are your own."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting as name=value, e.g. encoder.type=sage; repeatable."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Start from the published code's settings.")
    ] = False,
    from_run: Annotated[
        str | None,
        typer.Option("--from-run", help="Repeat a recorded trial: STUDY/trial-001 or a run id."),
    ] = None,
    protocol: ProtocolOption = "honest",
    groups: GroupsOption = None,
    data_dir: DataDirOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Train and measure one configuration.

    With `--from-run` a trial of a study is trained again, to the epoch chosen from its curve, with
    the study's folds and seed: on the same kind of device the scores are the same to the last bit.
    The exit code is 1 if they are not.

    Example: `mmatune train dataset2 --published --protocol paper`

    Example: `mmatune train --from-run demo-20260101-120000/trial-001`
    """
    if from_run is not None:
        _refuse_settings(context)
        _repeat(from_run, dataset, data_dir, as_json=as_json)
        return
    if dataset is None:
        raise InputError(
            "name a data set, or a trial with --from-run",
            where="mmatune train",
            hint="for example `mmatune train demo`",
        )
    from model.data.catalogue import load
    from model.evaluation.groups import chosen_protocol
    from model.evaluation.metrics.table import METRICS
    from model.evaluation.protocols import development_folds
    from model.network.autoencoder import Configuration
    from model.training.cross_validation import CrossValidation
    from tuning.home import data_folder
    from tuning.record.leaderboard import score_row, with_spread

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
            scored = with_spread(row[name], row[f"{name}_sd"])
            console.print(f"  {name:22} {scored:16} {METRICS[name].meaning}", soft_wrap=True)
    console.print(measured.meaning)


def _refuse_settings(context: typer.Context) -> None:
    """What comes from the run cannot be given as well: it would be no repetition."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in _OF_THE_RUN and source and source.name == "COMMANDLINE":
            raise InputError(
                "a repeated trial takes its settings from the run",
                where=parameter.opts[0],
                hint="leave it out, or train without --from-run",
            )


def _repeat(reference: str, data: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    from tuning.home import data_folder
    from tuning.record.finished_study import recorded_dataset
    from tuning.repetition import find_trial, repeat_trial

    with console.status("reading the trial ..."):
        trial = find_trial(reference)
        option = "`mmatune train FOLDER --from-run ...`"
        loaded = recorded_dataset(trial.tags, data, data_dir or data_folder(), option=option)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"training {trial.name} again", total=trial.epoch)
        found = repeat_trial(trial, loaded, lambda epoch: progress.update(task, completed=epoch))
    if as_json:
        print_json(_document(found))
    _show(found)
    if not found.identical:
        raise typer.Exit(1)


def _document(found: Repetition) -> dict[str, Any]:
    trial = found.trial
    return {
        "trial": trial.name,
        "run_id": trial.run_id,
        "data_hash": trial.tags["data_hash"],
        "protocol": trial.protocol.name,
        "seed": trial.seed,
        "epoch": trial.epoch,
        "epochs_of_full_budget": trial.configuration.training.epochs,
        "recorded": {name: recorded for name, (recorded, _) in found.metrics.items()},
        # A score that is not finite is no JSON, and never the recorded one.
        "repeated": {name: _finite(repeated) for name, (_, repeated) in found.metrics.items()},
        "recorded_device": found.recorded_device,
        "device": found.device,
        "identical": found.identical,
    }


def _show(found: Repetition) -> None:
    from importlib.metadata import version

    from model.data.kinds import of_record
    from tuning.metric import metric_label

    trial = found.trial
    recorded, repeated = found.metrics[trial.metric]
    budget = trial.configuration.training.epochs
    console.print(
        f"{trial.name}: {trial.tags['dataset']}, protocol {trial.protocol.name}, seed {trial.seed},"
        f" epoch {trial.epoch} of {budget}",
        markup=False,
    )
    label = metric_label(trial.metric, of_record(trial.tags.get("kinds")))
    console.print(f"  {label} recorded {recorded!r}")
    console.print(f"  {label} repeated {repeated!r}")
    if found.identical:
        console.print(f"Identical to the last bit, in all {len(found.metrics)} metrics.")
        return
    differ = [name for name, (one, other) in found.metrics.items() if one != other]
    console.print(f"[bold yellow]Not identical:[/] {', '.join(differ)} differ.")
    if found.recorded_device not in (None, found.device):
        console.print(f"Recorded on {found.recorded_device}, repeated on {found.device}.")
    made, now = trial.tags.get("mmatune_version"), version("mmatune")
    if made != now:
        console.print(f"Recorded with mmatune {made}, repeated with {now}.")


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def _parsed(settings: list[str]) -> dict[str, Any]:
    values = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise InputError(f"{setting!r} is not name=value", where="--set")
        values[name] = yaml.safe_load(value)
    return values
