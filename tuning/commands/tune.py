"""`mmatune tune`: search, and register the best model."""

from __future__ import annotations

import math
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from model.errors import InputError
from model.evaluation.protocols import CASE_STUDY, PROTOCOLS
from tuning.commands.remote import is_elsewhere, tune_there
from tuning.commands.scores import show_scores
from tuning.console import JsonOption, console, print_json
from tuning.record.job_log import is_submitted

if TYPE_CHECKING:
    from tuning.study import StudyResult

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder that holds the downloaded data sets."),
]
ProtocolOption = Annotated[
    str,
    typer.Option(
        "--protocol",
        help="How associations are split and ranked: "
        + ", ".join(PROTOCOLS)
        + f" or {CASE_STUDY}:NAME of a node; `mmatune folds protocols` says what each means.",
    ),
]
GroupsOption = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        help="A CSV file `name,group` of near-copies that no split may part, in place of the"
        " protocol's own rule (precursors of one mature miRNA).",
    ),
]
GpusOption = Annotated[
    float | None,
    typer.Option("--gpus-per-trial", min=0, help="May be a fraction; one where there is any."),
]


def _gpus_or_auto(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise typer.BadParameter(f"{text!r} is neither a number from 0 nor `auto`")
    return number


PackingOption = Annotated[
    Any,
    typer.Option(
        "--gpus-per-trial",
        parser=_gpus_or_auto,
        metavar="NUMBER|auto",
        help="May be a fraction; one where there is any. `auto` measures how many trials may share"
        " a GPU, or the memory of a machine without one.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Fixes folds, search and training.")]


def tune(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Argument(help="demo, dataset1, dataset2, or the folder of your own data.")
    ],
    space: Annotated[
        str, typer.Option("--space", help="A search space by name, or the path of a YAML file.")
    ] = "full",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Configurations to try.")] = 24,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            help="What chooses the configurations: tpe (learns from trials), random, or one that an"
            " installed package adds.",
        ),
    ] = "tpe",
    protocol: ProtocolOption = "honest",
    groups: GroupsOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the study; made up if left out.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the study --name, whose driver died or was interrupted; what it was"
            " asked to do, it knows.",
        ),
    ] = False,
    gpus_per_trial: PackingOption = None,
    only_plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Only say what it would take: epochs, hours, disk; measured here in half a minute."
            " What cannot fit is refused.",
        ),
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            envvar="RAY_ADDRESS",
            help="A Ray cluster to run on: http://127.0.0.1:8265 from outside, through a tunnel to"
            " the head's dashboard; `auto` on its head, or HOST:PORT; else this machine.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            envvar="MMATUNE_STORAGE",
            help="Folder or s3://bucket/folder for checkpoints, which all machines of the cluster"
            " share; else the home.",
        ),
    ] = None,
    data_dir: DataDirOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Search for the best model of a data set, and register it.

    Example: `mmatune tune dataset2 --trials 24`

    Example: `mmatune tune dataset2 --trials 200 --plan`

    Example: `mmatune tune dataset2 --name my-study --resume`

    Example: `mmatune tune dataset2 --address http://127.0.0.1:8265`; Ctrl-C then leaves the study
    running, `mmatune study watch` and `mmatune study stop` find it
    """
    if resume:
        if name is None:
            raise InputError("say which study goes on", where="--resume", hint="add --name STUDY")
        _refuse_other_options(context)
    if is_elsewhere(address):
        tune_there(context, address)
        return
    from model.data.catalogue import load
    from model.evaluation.groups import chosen_protocol
    from search_spaces.loading import load_space
    from tuning.forecast.outlook import look_ahead, show
    from tuning.home import data_folder
    from tuning.jobs.submitted import prepare
    from tuning.plan import StudyPlan
    from tuning.search.resumption import read_plan
    from tuning.study import resume_study, run_study

    if is_submitted():
        prepare(dataset)
    loaded = load(dataset, data_dir or data_folder())
    if resume:
        assert name
        _finish(resume_study(read_plan(name, loaded, address)), dataset, data_dir, as_json=as_json)
        return
    plan = StudyPlan(
        name=name or f"{loaded.name}-{datetime.now():%Y%m%d-%H%M%S}",
        dataset=loaded,
        protocol=chosen_protocol(protocol, groups, loaded),
        space_name=space,
        space=load_space(space),
        trials=trials,
        seed=seed,
        sampler=sampler,
        gpus_per_trial=gpus_per_trial,
        address=address,
        storage=storage,
    )
    if only_plan:
        outlook = look_ahead(plan)
        if as_json:
            print_json(outlook.document())
        show(outlook)
        return
    _finish(run_study(plan), dataset, data_dir, as_json=as_json)


_OF_A_RESUMED_STUDY = ("dataset", "name", "resume", "address", "data_dir", "as_json")


def _refuse_other_options(context: typer.Context) -> None:
    """What a study was asked to do cannot be asked anew."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in _OF_A_RESUMED_STUDY:
            raise InputError(
                "a study that is gone on with keeps what it was asked to do",
                where=parameter.opts[0],
                hint="leave it out, or begin a new study",
            )


def _finish(result: StudyResult, dataset: str, data_dir: Path | None, *, as_json: bool) -> None:
    audit = _fidelity(result)
    if as_json:
        print_json({**_document(result), "fidelity": audit})
    _show(result, audit, dataset, data_dir)
    if result.interrupted:
        raise typer.Exit(130)


def _document(result: StudyResult) -> dict[str, Any]:
    plan, registration = result.plan, result.registration
    return {
        "study": plan.name,
        "dataset": plan.dataset.name,
        "data_hash": plan.dataset.content_hash,
        "protocol": plan.protocol.name,
        "metric": plan.metric,
        "experiment_id": result.experiment_id,
        "run_id": result.run_id,
        "interrupted": result.interrupted,
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


def _show(
    result: StudyResult, audit: list[dict[str, Any]], dataset: str, data_dir: Path | None
) -> None:
    from model.data.catalogue import NAMES
    from tuning.home import tracking_uri
    from tuning.record.client import hide_password

    plan = result.plan
    # What is typed next finds the data only where they were found now.
    where = [] if data_dir is None else ["--data-dir", str(data_dir)]
    show_scores({**_document(result), "fidelity": audit})
    if result.interrupted:
        console.print("Interrupted: what had finished is recorded, nothing was registered.")
        resume = ["mmatune", "tune", dataset, "--name", plan.name, "--resume", *where]
        console.print(f"Next:  {shlex.join(resume)}", markup=False, soft_wrap=True)
    if result.registration:
        model = result.registration
        console.print(f"Model: {model.model}/{model.version}; {model.reason}.")
    store = hide_password(tracking_uri())
    console.print(f"Runs:  experiment {plan.name!r} in {store}", soft_wrap=True)
    show_addresses(result.experiment_id)
    if result.registration:
        own = where if dataset in NAMES else ["--data", dataset]
        first = plan.dataset.small_molecules[0]
        predict = ["mmatune", "predict", plan.dataset.name, "--small-molecule", first]
        for start, words in (("Next:", ["mmatune", "confirm", plan.name, *own]), ("", predict)):
            console.print(f"{start:6} {shlex.join(words)}", markup=False, soft_wrap=True)


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
