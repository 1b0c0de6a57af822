"""What a study left behind, as `mmatune tune` and `mmatune study show` tell it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tuning.commands.scores import show_scores
from tuning.console import console, print_error, print_json
from tuning.foreign_errors import explain, fault

if TYPE_CHECKING:
    from tuning.study import StudyResult


def finish(result: StudyResult, dataset: str, data_dir: Path | None, *, as_json: bool) -> None:
    """Tell what came of a study; exit code 130 where it was interrupted.

    Raises:
        Exception: what went wrong in or after the search, once the rest is told.
    """
    audit = _fidelity(result)
    problem = None
    if result.problem:
        problem = explain(result.problem) or fault(result.problem)
    if as_json:
        print_json({**_document(result), "fidelity": audit, "problem": problem and problem.line()})
    show(result, audit, dataset, data_dir)
    if problem and as_json:  # whose one document is written
        print_error(problem, as_json=False)
        raise typer.Exit(2)
    if result.problem:
        raise result.problem
    if result.interrupted:
        raise typer.Exit(130)


def _document(result: StudyResult) -> dict[str, Any]:
    from model.data.kinds import as_record
    from tuning.record.driver_lock import spool_folder
    from tuning.record.events import refused

    plan, registration = result.plan, result.registration
    return {
        "study": plan.name,
        "dataset": plan.dataset.name,
        "data_hash": plan.dataset.content_hash,
        "kinds": as_record(plan.dataset.kinds),
        "protocol": plan.protocol.name,
        "metric": plan.metric,
        "experiment_id": result.experiment_id,
        "run_id": result.run_id,
        "interrupted": result.interrupted,
        "refused": refused(spool_folder(plan.name)),
        "rows": result.rows,
        "model": registration
        and {
            "name": registration.model,
            "version": registration.version,
            "is_champion": registration.is_champion,
            "reason": registration.reason,
        },
    }


def _fidelity(result: StudyResult) -> list[dict[str, Any]]:
    from tuning.record.client import mlflow_client
    from tuning.record.fidelity import fidelity_audit
    from tuning.record.study_record import runs_of

    client = mlflow_client()
    return fidelity_audit(client, runs_of(client, result.experiment_id))


def show(
    result: StudyResult, audit: list[dict[str, Any]], dataset: str, data_dir: Path | None
) -> None:
    """The scores, where the runs are, and what to type next."""
    from model.data.catalogue import NAMES
    from tuning.home import tracking_uri
    from tuning.record.client import hide_password

    plan = result.plan
    # What is typed next finds the data only where they were found now.
    where = [] if data_dir is None else ["--data-dir", str(data_dir)]
    show_scores({**_document(result), "fidelity": audit})
    _show_endings(result)
    if result.interrupted or result.problem:
        what = "Interrupted" if result.interrupted else "Not at its end"
        console.print(f"{what}: what had finished is recorded, nothing was registered.")
        resume = ["mmatune", "tune", dataset, "--name", plan.name, "--resume", *where]
        console.print(f"Next:  {shlex.join(resume)}", markup=False, soft_wrap=True)
    show_refused(plan.name)
    if result.registration:
        model = result.registration
        console.print(f"Model: {model.model}/{model.version}; {model.reason}.")
    store = hide_password(tracking_uri())
    console.print(f"Runs:  experiment {plan.name!r} in {store}", soft_wrap=True)
    show_addresses(result.experiment_id)
    if result.registration:
        own = where if dataset in NAMES else ["--data", dataset]
        first = plan.dataset.columns[0]
        is_on_both = first in plan.dataset.rows
        side = ["--side", plan.dataset.kinds[1].name] if is_on_both else []
        # The name alone is the champion, which may be another version.
        reference = model.model if model.is_champion else f"{model.model}/{model.version}"
        predict = ["mmatune", "predict", reference, "--for", first, *side]
        for start, words in (("Next:", ["mmatune", "confirm", plan.name, *own]), ("", predict)):
            console.print(f"{start:6} {shlex.join(words)}", markup=False, soft_wrap=True)


def _show_endings(result: StudyResult) -> None:
    """How the trials ended, and how long it all took."""
    from tuning.live import duration
    from tuning.record.client import mlflow_client
    from tuning.record.leaderboard import count_endings
    from tuning.record.study_record import runs_of

    counts = count_endings(runs_of(mlflow_client(), result.experiment_id))
    console.print("Trials: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    if result.seconds:
        parts = ", ".join(f"{name} {duration(spent)}" for name, spent in result.seconds.items())
        total = duration(sum(result.seconds.values()))
        console.print(f"Time: {total}; {parts}.", soft_wrap=True)


def show_refused(study: str) -> None:
    """Say it where MLflow has not taken all of a study's record."""
    from tuning.record.driver_lock import spool_folder
    from tuning.record.events import refused, refused_file

    folder = spool_folder(study)
    if count := refused(folder):
        console.print(
            f"MLflow refused {count} events of the record, of a run that was deleted in its"
            f" UI perhaps; they are kept, with its reasons: {refused_file(folder)}",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )


def show_addresses(experiment_id: str) -> None:
    """Where MLflow's UI shows the study."""
    from tuning.home import is_embedded
    from tuning.record.views import LEADERBOARD, view_address

    start = "`mmatune server`, then " if is_embedded() else ""
    for first, text, charts in (
        ("UI:", f"{start}the leaderboard", False),
        ("", "parallel coordinates", True),
    ):
        address = view_address(experiment_id, LEADERBOARD, charts=charts)
        console.print(f"{first:6} {text}: {address}", markup=False, soft_wrap=True)
