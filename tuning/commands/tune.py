"""`mmatune tune`: search, and register the best model."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from model.errors import InputError
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import CASE_STUDY, PROTOCOLS
from tuning.commands.outcome import finish
from tuning.commands.remote import is_elsewhere, tune_there
from tuning.console import JsonOption, print_json
from tuning.ending import DEFAULT_METRIC
from tuning.record.job_log import is_submitted

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
        " protocol's own rule (names that show it).",
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
AcceptLeakOption = Annotated[
    bool,
    typer.Option(
        "--accept-leak",
        help="Search though a similarity was computed from the associations. Every score is then"
        " too high; each run of the study is tagged so.",
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
    trials: Annotated[
        int,
        typer.Option(
            "--trials",
            min=1,
            help="Configurations to try; with --resume how many the study is to have in all.",
        ),
    ] = 24,
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget",
            metavar="DURATION",
            help="End the search after so long, such as 30m or 1h30m: running trials stop with"
            " their next report, and what was found is registered. Counts from the first trial.",
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            help="What chooses the configurations: curve-gp or gp (Gaussian processes; the first"
            " reads curves), tpe, random, or one that an installed package adds.",
        ),
    ] = "curve-gp",
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            help="What the search maximises: "
            + ", ".join(name for name, one in METRICS.items() if not one.needs_threshold)
            + "; docs/metrics.md says what each means and which to choose.",
        ),
    ] = DEFAULT_METRIC,
    prior: Annotated[
        str | None,
        typer.Option(
            "--prior",
            help="A point that a person chose, to begin with: its name uses it anyway, `none` uses"
            " none. Left out, `full` and `faithful` begin with theirs, but not on data that it was"
            " chosen on. `mmatune study show` says what a study began with.",
        ),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--start-from",
            metavar="STUDY",
            help="Begin with the best three points of an earlier study that lie in the space;"
            " refused where it was searched on associations that this one seals.",
        ),
    ] = None,
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
            " asked to do, it knows. With --trials also with one that is finished.",
        ),
    ] = False,
    baselines: Annotated[
        str,
        typer.Option(
            "--baselines",
            metavar="core|all|none|NAME,...",
            help="What to measure on the same folds. `core` leaves out the four models that the"
            " paper compares with, which take minutes on large data; `core,BNNRSMMA` adds one."
            " `mmatune confirm` measures the core ones in any case.",
        ),
    ] = "core",
    ensemble_baselines: Annotated[
        bool,
        typer.Option(
            "--ensemble-baselines",
            help="Let baselines be members of the ensemble, beside trials. They are scored once"
            " more for it.",
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
    accept_leak: AcceptLeakOption = False,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Search for the best model of a data set, and register it.

    Example: `mmatune tune dataset2 --trials 24`

    Example: `mmatune tune dataset2 --metric hits_at_100`, for the top of the list

    Example: `mmatune tune dataset2 --trials 200 --plan`

    Example: `mmatune tune dataset2 --start-from my-study --name better`

    Example: `mmatune tune dataset2 --name my-study --resume`

    Example: `mmatune tune dataset2 --name my-study --resume --trials 40`, 16 more

    Example: `mmatune tune dataset2 --trials 500 --time-budget 2h`

    Example: `mmatune tune dataset2 --address http://127.0.0.1:8265`; Ctrl-C then leaves the study
    running, `mmatune study watch` and `mmatune study stop` find it
    """
    if resume:
        if name is None:
            raise InputError("say which study goes on", where="--resume", hint="add --name STUDY")
        _refuse_other_options(context)
    # An unknown metric or duration is refused before anything is read or sent.
    METRICS[metric]
    budget = None if time_budget is None else _seconds(time_budget)
    rivals = _baselines(baselines, as_members=ensemble_baselines)
    if is_elsewhere(address):
        tune_there(context, address)
        return
    from model.data.catalogue import load
    from model.evaluation.fitness import check_before_study
    from model.evaluation.groups import chosen_protocol
    from search_spaces.loading import load_space
    from tuning.forecast.outlook import look_ahead, show
    from tuning.home import data_folder, database_files, is_embedded
    from tuning.jobs.submitted import prepare
    from tuning.plan import StudyPlan
    from tuning.record.earlier_study import best_of
    from tuning.record.identity import check_free, claim_name
    from tuning.search.resumption import changed, read_plan
    from tuning.starts import own_starts, prior_starts
    from tuning.study import resume_study, run_study

    if is_submitted():
        prepare(dataset)
    loaded = load(dataset, data_dir or data_folder())
    if resume:
        assert name
        given = context.get_parameter_source("trials")
        more = trials if given is not None and given.name == "COMMANDLINE" else None
        going_on = changed(read_plan(name, loaded, address), more, budget)
        finish(resume_study(going_on), dataset, data_dir, as_json=as_json)
        return
    searched, rule = load_space(space), chosen_protocol(protocol, groups, loaded)
    starts = own_starts(searched)
    if start_from is not None:
        starts += best_of(start_from, searched, loaded, rule, seed)
    starts += prior_starts(searched, space, loaded, rule, seed, prior)
    plan = StudyPlan(
        name=name or f"{loaded.name}-{datetime.now():%Y%m%d-%H%M%S}",
        dataset=loaded,
        protocol=rule,
        space_name=space,
        space=searched,
        starts=starts,
        time_budget_s=budget,
        trials=trials,
        seed=seed,
        sampler=sampler,
        metric=metric,
        ensemble_baselines=ensemble_baselines,
        baselines=rivals,
        gpus_per_trial=gpus_per_trial,
        address=address,
        storage=storage,
        leak=check_before_study(loaded, rule, seed, accept_leak=accept_leak),
    )
    if only_plan:
        # An embedded store that is not there yet knows no name, and a plan must not make it.
        if not is_embedded() or any(file.exists() for file in database_files()):
            check_free(plan.name, storage)
        outlook = look_ahead(plan)
        if as_json:
            print_json(outlook.document())
        show(outlook)
        return
    if name is None:
        plan = replace(plan, name=claim_name(plan.name))
    finish(run_study(plan), dataset, data_dir, as_json=as_json)


_OF_A_RESUMED_STUDY = (
    "dataset",
    "name",
    "resume",
    "trials",
    "time_budget",
    "address",
    "data_dir",
    "as_json",
)


def _baselines(text: str, *, as_members: bool) -> tuple[str, ...] | None:
    """The baselines to measure, None for the core ones."""
    from tuning.commands.rivals import chosen_baselines

    found = chosen_baselines(text)
    if as_members and not found:
        raise InputError(
            "without baselines none can be a member of the ensemble",
            where="--ensemble-baselines",
            hint="leave it out, or measure some with --baselines",
        )
    return None if text == "core" else found


def _seconds(duration: str) -> float:
    """The seconds of a duration in words, such as 90s, 30m or 1h30m.

    Raises:
        InputError: it is none, has no unit, or is not longer than nothing.
    """
    import pandas as pd

    try:
        # A number alone would be nanoseconds.
        seconds = 0.0 if duration.strip().isdigit() else pd.Timedelta(duration).total_seconds()
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise InputError(
            f"{duration!r} is no duration", where="--time-budget", hint="such as 90s, 30m or 1h30m"
        )
    return seconds


def _refuse_other_options(context: typer.Context) -> None:
    """What a study was asked to do cannot be asked anew, but for how long it goes on."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        given = source is not None and source.name == "COMMANDLINE"
        if given and parameter.name not in _OF_A_RESUMED_STUDY:
            raise InputError(
                "a study that is gone on with keeps what it was asked to do",
                where=parameter.opts[0],
                hint="leave it out, or begin a new study",
            )
