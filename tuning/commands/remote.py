"""What `mmatune tune` and `mmatune study` do on a cluster that is reached by ``--address http://``."""

from __future__ import annotations

import shlex
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard

import typer

from model.errors import InputError
from tuning.commands.scores import show_scores
from tuning.console import console, print_json

if TYPE_CHECKING:
    from tuning.jobs.remote_study import JobEnd

DashboardOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="RAY_ADDRESS",
        help="The dashboard of the cluster that the study was submitted to, such as"
        " http://127.0.0.1:8265; else a study that runs on this machine.",
    ),
]

# Options of `tune` that are meant for this machine, or are put in another way.
_NOT_SENT = ("dataset", "space", "groups", "name", "address", "as_json")


def is_elsewhere(address: str | None) -> TypeGuard[str]:
    """Whether it is that of a dashboard, and not of Ray itself, which only its machines reach."""
    return address is not None and "://" in address


def tune_there(context: typer.Context, address: str) -> None:
    """Submit the `mmatune tune` of the command line to a cluster, and follow it."""
    from tuning.jobs.client import job_client
    from tuning.jobs.remote_study import submit

    job_client(address)  # is anybody there? Looking at the data takes longer.
    given = context.params
    if _is_given(context, "data_dir"):
        raise InputError(
            "is a folder of this machine",
            where="--data-dir",
            hint="leave it out: the head downloads what it needs; or give the path of the data",
        )
    _check(context)
    dataset = given["dataset"]
    study = given["name"] or f"{Path(dataset).resolve().name}-{datetime.now():%Y%m%d-%H%M%S}"
    with tempfile.TemporaryDirectory() as folder:
        submit(address, study, command_there(context, study, Path(folder)), Path(folder))
    console.print(f"{study} runs on the cluster. Ctrl-C leaves it there.")
    follow_there(address, study, as_json=given["as_json"])


def follow_there(address: str, study: str, *, as_json: bool) -> None:
    """Show a submitted study until it ends, and how it came out."""
    from tuning.jobs.remote_study import follow

    where = f"{shlex.quote(study)} --address {address}"
    try:
        end = follow(address, study)
    except KeyboardInterrupt:
        console.print(
            f"{study} goes on without you. Look again: `mmatune study watch {where}`; end it:"
            f" `mmatune study stop {where}`",
            markup=False,
            soft_wrap=True,
        )
        if as_json:
            print_json({"study": study, "detached": True})
        raise typer.Exit(130) from None
    _show(end, study, address, as_json=as_json)


def _check(context: typer.Context) -> None:
    """Refuse here what the head would refuse too, once it has started everything."""
    from model.data.catalogue import load
    from model.evaluation.fitness import check_before_study
    from model.evaluation.groups import chosen_protocol
    from search_spaces.loading import load_space
    from tuning.cluster.shared_storage import study_storage
    from tuning.home import data_folder

    given = context.params
    load_space(given["space"])
    if _is_given(context, "storage"):
        study_storage("any", given["storage"])
    if given["dataset"] == "demo" or Path(given["dataset"]).expanduser().is_dir():
        loaded = load(given["dataset"], data_folder())
        splits = chosen_protocol(given["protocol"], given["groups"], loaded)
        check_before_study(loaded, splits, given["seed"], accept_leak=given["accept_leak"])


def command_there(context: typer.Context, study: str, folder: Path) -> list[str]:
    """The same command as the head understands it; its files are put into ``folder``."""
    from tuning.jobs.shipment import pack_data, pack_file

    given = context.params
    command = ["mmatune", "tune", pack_data(given["dataset"], folder), "--name", study, "--json"]
    if _is_given(context, "space"):
        space = given["space"]
        is_file = Path(space).suffix in (".yaml", ".yml")
        command += ["--space", pack_file(Path(space), folder) if is_file else space]
    if given["groups"]:
        command += ["--groups", pack_file(given["groups"], folder)]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in _NOT_SENT and _is_given(context, name):
            value = given[name]
            command += [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]
    return command


def _is_given(context: typer.Context, parameter: str) -> bool:
    """On the command line, not by the environment, which the head has one of its own of."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _show(end: JobEnd, study: str, address: str, *, as_json: bool) -> None:
    document = end.document
    if document is None:
        _show_failure(end, study, address)
    elif "error" in document:
        raise InputError(**document["error"])
    else:
        if as_json:
            print_json(document)
        if "rows" in document:
            show_scores(document)
            _show_next(document, study, address)
        else:
            for line in end.text:
                console.print(line, markup=False, soft_wrap=True)
        if document.get("interrupted"):
            raise typer.Exit(130)


def _show_failure(end: JobEnd, study: str, address: str) -> None:
    """The job came to no result: it was stopped early, could not begin, or crashed."""
    if end.status == "STOPPED":
        console.print(f"{study} was stopped before it had a result.")
        raise typer.Exit(130)
    if end.exit_code == 127:
        raise InputError(
            "the head has no command `mmatune`",
            where="--address",
            hint="install this project there, on the PATH that Ray was started with, as"
            " cluster.yaml does",
        )
    for line in end.text or end.message.splitlines():
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"The driver of {study} ended with {end.status}, exit code {end.exit_code}.")
    raise typer.Exit(1)


def _show_next(document: dict[str, Any], study: str, address: str) -> None:
    from model.data.catalogue import NAMES

    name = shlex.quote(study)
    if document["interrupted"]:
        console.print("Interrupted: what had finished is recorded, nothing was registered.")
        line = f"mmatune tune DATASET --name {name} --resume --address {address}"
        console.print(f"Next:  {line}", markup=False, soft_wrap=True)
        return
    if model := document["model"]:
        console.print(f"Model: {model['name']}/{model['version']}; {model['reason']}.")
    console.print(f"Runs:  experiment {study!r} in the cluster's MLflow")
    copy, confirm = "", f"mmatune confirm {name}"
    if document["dataset"] not in NAMES:
        # The folder that went along is gone with the job.
        data = shlex.quote(document["dataset"])
        copy, confirm = f"ray rsync-up cluster.yaml FOLDER/ {data}/ && ", f"{confirm} --data {data}"
    line = f"{copy}ray exec cluster.yaml {shlex.quote(confirm)}"
    console.print(f"Next:  {line}", markup=False, soft_wrap=True)
