"""A study: one search, from the data to a registered model."""

from __future__ import annotations

import math
import shlex
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from model.baselines.registry import BASELINES
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.evaluation.fresh_splits import development_part
from model.evaluation.protocols import Fold, development_folds, development_pairs
from model.network.autoencoder import Configuration
from model.training.checkpoint import checkpoint
from tuning.cluster.session import Resources, ray_address, ray_session, trial_resources
from tuning.cluster.shared_storage import check_shared, check_writable, study_storage
from tuning.console import console
from tuning.disk import refusals_named
from tuning.ending import Ending
from tuning.forecast.packing import AUTO, choose
from tuning.forecast.probe import measure
from tuning.home import artifact_root, is_embedded, study_folder
from tuning.live import LiveTable
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.driver_lock import close_dead_studies, driving, flush_on_exit, spool_folder
from tuning.record.leaderboard import leaderboard_frame, leaderboard_rows
from tuning.record.notes import experiment_note, study_note
from tuning.record.spool import Spool
from tuning.record.study_list import outcome_tags
from tuning.record.study_record import NOTE, StudyRecord, baseline_curve, runs_of
from tuning.record.views import set_views
from tuning.registry.model_card import ModelCard
from tuning.registry.versions import Registration, register
from tuning.report.attach import attach_folds, attach_report
from tuning.search.baseline_cache import cached_evaluation
from tuning.search.resumption import Progress, reopen, save_plan
from tuning.search.run import pick_winner, search
from tuning.search.samplers import SAMPLERS
from tuning.search.worker import train_to_register

if TYPE_CHECKING:
    import pandas as pd
    from rich.status import Status

# The end of a study waits for so long for a tracking server that does not answer.
MLFLOW_DRAIN_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class StudyResult:
    """What a study left behind.

    ``registration`` is None where no trial reached its full budget with a finite score.
    """

    plan: StudyPlan
    experiment_id: str
    run_id: str
    rows: list[dict[str, Any]]
    registration: Registration | None
    interrupted: bool

    def to_frame(self) -> pd.DataFrame:
        """The leaderboard as a table, see `leaderboard.leaderboard_frame`."""
        return leaderboard_frame(self.rows)


def run_study(plan: StudyPlan) -> StudyResult:
    """Search, pick the winner among full-budget trials, train it on all development data, register.

    Whatever happens in between, no run and no trial is left open: what ends early is closed here,
    what a crash leaves is closed by the next study that starts.

    Raises:
        InputError: the name is taken, the sampler unknown, the resources are not there, or the
            disk is full or read-only: once that is mended, `resume_study` goes on.
    """
    # A name that cannot be one, an unknown sampler, a storage or an address of no use: refused
    # before all else.
    study_folder(plan.name)
    SAMPLERS[plan.sampler]
    check_writable(study_storage(plan.name, plan.storage))
    ray_address(plan.address)
    close_dead_studies()
    client = mlflow_client()
    if client.get_experiment_by_name(plan.name):
        raise InputError(
            f"there is a study {plan.name!r} already",
            where="--name",
            hint="choose another name, or leave it out",
        )
    folds = development_folds(plan.dataset, plan.protocol, plan.seed)
    with _disk_named(plan), driving(plan.name):
        record = StudyRecord.create(
            client,
            plan.name,
            tags=plan.tags(),
            params={"trials": plan.trials, "max_epochs": plan.space.max_epochs},
            artifact_location=artifact_root() / plan.name if is_embedded() else None,
            spool=spool_folder(plan.name),
        )
        save_plan(plan)
        with flush_on_exit(record):
            record.log_json(record.run_id, plan.space.model_dump(), "search_space.json")
            record.log_json(record.run_id, asdict(plan.protocol), "protocol.json")
            attach_folds(record, plan, folds)
            _describe(plan, record)
            return _search_and_register(plan, folds, record)


def resume_study(plan: StudyPlan) -> StudyResult:
    """Resume a study whose driver died or was interrupted, see `resumption.read_plan`.

    Trials that ended are not run again; the others go on from their last checkpoints, and the
    number of trials is what it was to be.

    Raises:
        InputError: another process drives the study, MLflow does not know it, it is finished, or
            its sampler is not installed.
    """
    SAMPLERS[plan.sampler]  # one of a package that may be gone
    close_dead_studies(but=plan.name)
    client = mlflow_client()
    folds = development_folds(plan.dataset, plan.protocol, plan.seed)
    with _disk_named(plan), driving(plan.name, resumed=True):
        record, progress = reopen(client, plan)
        record.spool = Spool(spool_folder(plan.name), client, record.experiment_id)
        with flush_on_exit(record):
            record.reopen(record.run_id)
            return _search_and_register(plan, folds, record, progress)


def _disk_named(plan: StudyPlan) -> AbstractContextManager[None]:
    go_on = shlex.join(["mmatune", "tune", plan.dataset.name, "--name", plan.name, "--resume"])
    return refusals_named(
        study_storage(plan.name, plan.storage), f"mend that, then go on with `{go_on}`"
    )


def _search_and_register(
    plan: StudyPlan,
    folds: tuple[Fold, ...],
    record: StudyRecord,
    progress: Progress | None = None,
) -> StudyResult:
    to_beat = _record_baselines(plan, folds, record)
    registration = None
    with console.status("starting Ray ...") as status, ray_session(plan.address):
        resources = _resources(plan, folds, record, status)
        status.stop()
        check_shared(study_storage(plan.name, plan.storage), resources)
        with LiveTable(plan.name, plan.trials, to_beat, plan.metric) as table:
            trials, interrupted = search(plan, folds, record, resources, table, progress)
        status.update("waiting until MLflow has the whole record ...")
        status.start()
        record.wait(MLFLOW_DRAIN_TIMEOUT_S)
        runs = runs_of(record.client, record.experiment_id)
        rows = leaderboard_rows(runs)
        winner = pick_winner(trials, plan.metric)
        if winner is not None and not interrupted:
            status.update("training the winner on all development associations ...")
            configuration = plan.space.configuration(winner.config)
            pairs = development_pairs(plan.dataset, plan.protocol, plan.seed)
            part = development_part(plan.dataset, plan.protocol, plan.seed)
            final = train_to_register(
                configuration, part.dataset, folds, pairs, plan.seed, resources
            )
            status.update("registering the model ...")
            card = _card(plan, winner, configuration, final.calibration)
            try:
                registration = register(
                    record.run_id,
                    plan.dataset,
                    final.probability,
                    card,
                    checkpoint=checkpoint(final, plan.dataset),
                )
            except InputError as error:  # no reason to lose what was found
                console.print(f"Nothing was registered: {error}", style="yellow", markup=False)
    record.log_json(record.run_id, rows, "leaderboard.json")
    note = study_note(plan, record.experiment_id, rows)
    record.set_tags(record.run_id, {**outcome_tags(runs), NOTE: note})
    if rows:
        best = next((row for row in rows if row["kind"] == "trial"), None)
        if best:
            record.log_metrics(record.run_id, best, step=0)
    ended = Ending.KILLED if interrupted else Ending.FINISHED
    record.close(record.run_id, ended, reason="interrupted" if interrupted else "")
    if not interrupted:
        with console.status("drawing the report ..."):
            record.wait(MLFLOW_DRAIN_TIMEOUT_S)
            attach_report(record, plan.name, plan.dataset)
    return StudyResult(plan, record.experiment_id, record.run_id, rows, registration, interrupted)


def _resources(
    plan: StudyPlan, folds: tuple[Fold, ...], record: StudyRecord, status: Status
) -> Resources:
    """As asked for, or what a probe finds best, which the study's run then tells."""
    if plan.gpus_per_trial != AUTO:
        return trial_resources(plan.gpus_per_trial, plan.address)
    on_gpu = trial_resources(None, plan.address).gpus > 0
    status.update("measuring how many trials a device takes ...")
    packing = choose(measure(plan.dataset, folds, plan.space, plan.seed, on_gpu=on_gpu))
    resources = trial_resources(packing.gpus, plan.address, packing.memory)
    console.print(f"{resources.at_once} trials at once. {packing.reason}.", soft_wrap=True)
    # Tags, because the study may be resumed on another cluster, with other numbers.
    tags = {"gpus_per_trial": f"{packing.gpus:g}", "trials_at_once": str(resources.at_once)}
    record.set_tags(record.run_id, {**tags, "packing": packing.reason})
    return resources


def _describe(plan: StudyPlan, record: StudyRecord) -> None:
    """What MLflow's pages show of a study that begins."""
    experiment = record.experiment_id
    record.client.set_experiment_tag(experiment, NOTE, experiment_note(plan, experiment))
    set_views(record.client, experiment, list(plan.space.search))
    record.set_tags(record.run_id, {NOTE: study_note(plan, experiment, rows=[])})


def _record_baselines(
    plan: StudyPlan, folds: tuple[Fold, ...], record: StudyRecord
) -> tuple[str, float]:
    """Measure every baseline on the study's folds, a run each; the best one's name and score."""
    done = "tags.kind = 'baseline' and tags.status = 'finished'"
    recorded = {run.info.run_name for run in runs_of(record.client, record.experiment_id, done)}
    scores = {}
    for name in BASELINES:
        with console.status(f"baseline on the same folds: {name} ..."):
            run_id = None if name in recorded else record.open_child("baseline", name, {})
            summary = cached_evaluation(
                name, plan.dataset, plan.protocol.name, plan.seed, folds
            ).summary()
            scores[name] = summary[plan.metric]
            if run_id is not None:
                record.log_metrics(run_id, summary, step=0)
                record.close(run_id, Ending.FINISHED)
    best = max(scores, key=scores.__getitem__)
    record.log_metrics(record.run_id, {baseline_curve(plan.metric): scores[best]}, step=0)
    return best, scores[best]


def _card(
    plan: StudyPlan, winner: Any, configuration: Configuration, calibration: Calibration
) -> ModelCard:
    spread = winner.last_result[f"{plan.metric}_sd"]
    return ModelCard(
        model=plan.dataset.name,
        study=plan.name,
        protocol=plan.protocol,
        metric=plan.metric,
        development_score=winner.last_result[plan.metric],
        development_sd=None if math.isnan(spread) else spread,  # a single fold has none
        training="Trained on all development associations for the winner's full budget; the sealed"
        " part was not touched.",
        configuration=configuration.dotted(),
        calibration=calibration,
    )
