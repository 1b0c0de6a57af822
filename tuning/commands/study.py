"""`mmatune study`: list studies, show how one came out, follow or stop one that runs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from model.errors import InputError
from tuning.commands.remote import DashboardOption, follow_there, is_elsewhere
from tuning.commands.scores import show_scores
from tuning.console import JsonOption, console, print_json

app = typer.Typer(help="List, show, follow and stop studies.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List every study, newest first.

    Example: `mmatune study list`
    """
    from model.data.kinds import of_record
    from tuning.metric import metric_label
    from tuning.record.study_list import DIED, list_studies

    rows = list_studies()
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print("There is no study yet. Start one with `mmatune tune demo`.")
        return
    table = Table()
    for column in ("study", "dataset", "protocol", "status"):
        table.add_column(column)
    for column in ("trials", "best"):
        table.add_column(column, justify="right")
    for row in rows:
        label = metric_label(row["metric"], of_record(row["kinds"]))
        best = "" if row["best"] is None else f"{label} {row['best']:.4f}"
        columns = (row["name"], row["dataset"], row["protocol"], row["status"])
        table.add_row(*columns, str(row["trials"]), best)
    console.print(table)
    console.print("Scores of different protocols, metrics or data sets cannot be compared.")
    if dead := [row["name"] for row in rows if row["status"] == DIED]:
        console.print(
            f"Without a driver: {', '.join(dead)}. `mmatune study sync` closes what is open,"
            " `mmatune tune DATASET --name STUDY --resume` goes on.",
            markup=False,
            soft_wrap=True,
        )


@app.command()
def stop(
    study: Annotated[str, typer.Argument(help="Name of a study that runs.")],
    address: DashboardOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop a running study in order: ended trials stay recorded, `tune --resume` goes on with it.

    Example: `mmatune study stop demo-20260101-120000`

    Example: `mmatune study stop first --address http://127.0.0.1:8265`
    """
    from tuning.jobs import remote_study
    from tuning.record.driver import stop_driver

    with console.status(f"stopping {study} ..."):
        if is_elsewhere(address):
            remote_study.stop(address, study)
        else:
            stop_driver(study)
    if as_json:
        print_json({"study": study, "stopped": True})
        return
    console.print(f"{study} is stopped. Go on with `mmatune tune DATASET --name {study} --resume`.")


@app.command()
def delete(
    study: Annotated[str, typer.Argument(help="Name of a study that does not run.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a study for good: from MLflow, its trash too, from Optuna, its folder and checkpoints.

    Models that were registered of it stay usable.

    Example: `mmatune study delete demo-20260101-120000`
    """
    from tuning.record.client import mlflow_client
    from tuning.record.driver_lock import driving
    from tuning.record.identity import identify, remove_study, study_experiment, versions_of

    found = identify(study)
    if not found:
        study_experiment(mlflow_client(), study)  # raises, with the names that there are
    versions = versions_of(study)
    for line in found.told():
        console.print(line, markup=False, soft_wrap=True)
    if versions:
        console.print(f"Its models stay: {', '.join(versions)}", markup=False, soft_wrap=True)
    if as_json and not yes:
        raise InputError("deleting cannot be undone", where="--json", hint="add --yes")
    if not yes and not typer.confirm(f"Delete {study}?", err=True):
        raise typer.Exit(1)
    with driving(study), console.status(f"deleting {study} ..."):
        remove_study(found)
    if as_json:
        print_json({"study": study, "deleted": found.told(), "kept_models": versions})
        return
    console.print(f"{study} is deleted.", markup=False)


@app.command()
def watch(
    study: Annotated[str, typer.Argument(help="Name of a study that runs, or ran.")],
    address: DashboardOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a running study that another terminal or laptop started, then show its scores.

    Ctrl-C stops following; the study goes on.

    Example: `mmatune study watch demo-20260101-120000`

    Example: `mmatune study watch first --address http://127.0.0.1:8265`
    """
    if is_elsewhere(address):
        follow_there(address, study, as_json=as_json)
        return
    from tuning.jobs.replay import watch_driver

    watch_driver(study)
    show(study, as_json=as_json)


@app.command()
def sync(as_json: JsonOption = False) -> None:
    """Deliver to MLflow what studies recorded while it was away; close those whose driver died.

    Every new study does this first. Studies that are running are left alone.

    Example: `mmatune study sync`
    """
    from tuning.record.driver_lock import close_dead_studies

    with console.status("delivering to MLflow ..."):
        closed = close_dead_studies()
    if as_json:
        print_json({"closed_runs": closed})
        return
    console.print(f"Nothing of a study without a driver is left on disk; {closed} runs closed.")


@app.command()
def show(
    study: Annotated[str, typer.Argument(help="Name of the study, see `mmatune study list`.")],
    as_json: JsonOption = False,
) -> None:
    """Show a study's leaderboard, with the baselines on the same folds.

    Example: `mmatune study show demo-20260101-120000`
    """
    from model.data.kinds import as_record, of_record
    from tuning.commands.outcome import show_addresses, show_refused
    from tuning.metric import recorded_metric
    from tuning.record.client import mlflow_client
    from tuning.record.driver_lock import spool_folder
    from tuning.record.events import refused
    from tuning.record.fidelity import fidelity_audit
    from tuning.record.identity import study_experiment
    from tuning.record.leaderboard import count_endings, leaderboard_rows
    from tuning.record.study_record import recorded_confirmation, runs_of
    from tuning.registry.conclusion import conclusion

    client = mlflow_client()
    experiment = study_experiment(client, study)
    runs = runs_of(client, experiment.experiment_id)
    confirmed = recorded_confirmation(client, experiment.experiment_id)
    document = {
        "conclusion": conclusion(confirmed) if confirmed else None,
        **{key: experiment.tags[key] for key in ("dataset", "data_hash", "protocol")},
        "kinds": as_record(of_record(experiment.tags.get("kinds"))),
        "metric": recorded_metric(experiment.tags),
        "start_points": experiment.tags.get("start_points"),
        "rows": leaderboard_rows(runs),
        "fidelity": fidelity_audit(client, runs),
        "refused": refused(spool_folder(study)),
    }
    if as_json:
        print_json(document)
        return
    if document["conclusion"]:
        console.print(document["conclusion"], markup=False, style="bold", soft_wrap=True)
    show_scores({"study": study, **document})
    if document["start_points"]:
        console.print(f"Start points: {document['start_points']}", markup=False, soft_wrap=True)
    counts = count_endings(runs)
    console.print("Trials: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    show_refused(study)
    show_addresses(experiment.experiment_id)
