"""A study: one search, from the data to a registered model."""

from __future__ import annotations

import shlex
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from model.baselines.registry import BASELINES, core
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.evaluation.fresh_splits import development_part
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import Fold, development_folds, development_pairs
from model.network.autoencoder import Configuration
from model.training.checkpoint import CHECKPOINT, checkpoint
from model.training.final import FinalModel
from tuning.cluster.session import Resources, check_ray, ray_session, trial_resources
from tuning.cluster.shared_storage import check_shared, check_writable, first_line, study_storage
from tuning.console import console
from tuning.disk import refusals_named
from tuning.ending import Ending
from tuning.forecast.packing import AUTO, choose
from tuning.forecast.probe import measure
from tuning.home import artifact_root, is_embedded, study_path
from tuning.live import LiveTable
from tuning.metric import check_metric
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.driver_lock import close_dead_studies, driving, flush_on_exit, spool_folder
from tuning.record.ensembles import record_ensemble
from tuning.record.finished_study import configuration_from_params
from tuning.record.identity import check_free, mark_unbegun
from tuning.record.leaderboard import leaderboard_frame, leaderboard_rows
from tuning.record.notes import experiment_note, study_note
from tuning.record.spool import Spool
from tuning.record.study_list import outcome_tags
from tuning.record.study_record import NOTE, TRIALS, StudyRecord, baseline_curve, chosen, runs_of
from tuning.record.views import set_views
from tuning.record.witness import witnessed
from tuning.registry.model_card import ModelCard, version_tags
from tuning.registry.versions import Registration, find_version, other_data, register, resolve
from tuning.report.attach import attach_folds, attach_report
from tuning.search.baseline_cache import cached_evaluation
from tuning.search.resumption import Progress, reopen, save_plan
from tuning.search.run import INTERRUPTED, search
from tuning.search.samplers import SAMPLERS
from tuning.search.worker import score_baselines, train_to_register
from tuning.starts import told

if TYPE_CHECKING:
    import pandas as pd
    from rich.status import Status

# The end of a study waits for so long for a tracking server that does not answer.
MLFLOW_DRAIN_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class StudyResult:
    """What a study left behind.

    ``registration`` is None where no trial has a finite score, or what follows the search failed:
    ``problem`` says why. ``interrupted`` is whether the user stopped it. After either the study can
    be gone on with.
    """

    plan: StudyPlan
    experiment_id: str
    run_id: str
    rows: list[dict[str, Any]]
    registration: Registration | None
    interrupted: bool
    problem: Exception | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """The leaderboard as a table, see `leaderboard.leaderboard_frame`."""
        return leaderboard_frame(self.rows)


def run_study(plan: StudyPlan) -> StudyResult:
    """Search, pick the best trial at its chosen epoch, train it on all development data, register.

    Whatever happens in between, no run and no trial is left open: what ends early is closed here,
    what a crash leaves is closed by the next study that starts. What ends before its first trial
    leaves nothing, and its name is free again.

    Raises:
        InputError: the name is taken, the sampler or the metric unknown, the resources are not
            there, or the disk is full or read-only: once that is mended, `resume_study` goes on.
    """
    # A name that cannot be one, an unknown sampler or metric, a storage or an address of no use:
    # refused before all else.
    study_path(plan.name)
    SAMPLERS[plan.sampler]
    METRICS[plan.metric]
    check_writable(study_storage(plan.name, plan.storage))
    check_ray(plan.address)
    began = time.time()
    close_dead_studies()
    client = mlflow_client()
    check_free(plan.name, plan.storage)
    folds = development_folds(plan.dataset, plan.protocol, plan.seed)
    check_metric(plan.metric, folds)
    with _disk_named(plan), driving(plan.name):
        check_free(plan.name, plan.storage)  # of two of one name the second comes too late here
        mark_unbegun(plan.name)
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
            protocol = plan.protocol.in_words_of(plan.dataset.kinds)
            record.log_json(record.run_id, asdict(protocol), "protocol.json")
            attach_folds(record, plan, folds)
            _describe(plan, record)
            if line := other_data(plan.dataset.name, plan.dataset.content_hash):
                console.print(line, style="yellow", markup=False, soft_wrap=True)
            for line in dict.fromkeys(map(str, plan.start_points())):
                console.print(f"start point: {line}", markup=False, soft_wrap=True)
            return _search_and_register(plan, folds, record, began)


def resume_study(plan: StudyPlan) -> StudyResult:
    """Resume a study whose driver died or was interrupted, see `resumption.read_plan`.

    Trials that ended are not run again; the others go on from their last checkpoints. A study that
    is finished goes on where its plan has more trials than it had, see `resumption.changed`.

    Raises:
        InputError: another process drives the study, MLflow does not know it, it is finished and
            has all its trials, or its sampler or its metric is not installed.
    """
    # Of packages that may be gone.
    SAMPLERS[plan.sampler]
    METRICS[plan.metric]
    began = time.time()
    close_dead_studies(but=plan.name)
    client = mlflow_client()
    folds = development_folds(plan.dataset, plan.protocol, plan.seed)
    with _disk_named(plan), driving(plan.name, resumed=True):
        record, progress = reopen(client, plan)
        record.spool = Spool(spool_folder(plan.name), client, record.experiment_id)
        with flush_on_exit(record):
            record.reopen(record.run_id)
            save_plan(plan)
            record.set_tags(record.run_id, {TRIALS: str(plan.trials)})
            return _search_and_register(plan, folds, record, began, progress)


def _disk_named(plan: StudyPlan) -> AbstractContextManager[None]:
    return refusals_named(study_storage(plan.name, plan.storage), _go_on(plan))


def _go_on(plan: StudyPlan) -> str:
    command = shlex.join(["mmatune", "tune", plan.dataset.name, "--name", plan.name, "--resume"])
    return f"mend that, then go on with `{command}`"


def _search_and_register(
    plan: StudyPlan,
    folds: tuple[Fold, ...],
    record: StudyRecord,
    began: float,
    progress: Progress | None = None,
) -> StudyResult:
    to_beat = _record_baselines(plan, folds, record)
    measured = time.time()
    registration, problem = None, None
    without_a_word = InputError(
        "the process that drove it was ended from without",
        where=f"study {plan.name}",
        hint=_go_on(plan),
    )
    with (
        witnessed(f"error: {without_a_word}"),
        console.status("starting Ray ...") as status,
        ray_session(plan.address),
    ):
        resources = _resources(plan, folds, record, status)
        status.stop()
        check_shared(study_storage(plan.name, plan.storage), resources)
        with LiveTable(
            plan.name, plan.trials, to_beat, plan.metric, plan.dataset.kinds, began
        ) as table:
            ended_early = search(plan, folds, record, resources, table, progress)
        searched = time.time()
        status.update("waiting until MLflow has the whole record ...")
        status.start()
        record.wait(MLFLOW_DRAIN_TIMEOUT_S)
        runs = runs_of(record.client, record.experiment_id)
        rows = leaderboard_rows(runs)
        winner = next((row for row in rows if row["kind"] == "trial"), None)
        if not ended_early:
            try:
                status.update("combining trials to an ensemble ...")
                others = _baselines(plan) if plan.ensemble_baselines else ()
                scores = score_baselines(others, plan.dataset, folds)
                if record_ensemble(record, rows, folds, plan.metric, scores):
                    record.wait(MLFLOW_DRAIN_TIMEOUT_S)
                    runs = runs_of(record.client, record.experiment_id)
                    rows = leaderboard_rows(runs)
                if winner is not None:
                    registration = _train_and_register(
                        plan, folds, record, winner, resources, status
                    )
            except Exception as error:  # no reason to lose what was found
                problem = error
    if ended_early and ended_early != INTERRUPTED:
        problem = InputError(ended_early, where=f"study {plan.name}", hint=_go_on(plan))
    reason = ended_early or (f"after the search: {first_line(problem)}" if problem else "")
    record.log_json(record.run_id, rows, "leaderboard.json")
    note = study_note(plan, record.experiment_id, rows)
    record.set_tags(record.run_id, {**outcome_tags(runs), NOTE: note})
    if winner:
        record.log_metrics(record.run_id, winner, step=0)
    record.close(record.run_id, Ending.KILLED if reason else Ending.FINISHED, reason=reason)
    if not reason:
        with console.status("drawing the report ..."):
            record.wait(MLFLOW_DRAIN_TIMEOUT_S)
            attach_report(record, plan.name, plan.dataset)
    return StudyResult(
        plan,
        record.experiment_id,
        record.run_id,
        rows,
        registration,
        interrupted=ended_early == INTERRUPTED,
        problem=problem,
        seconds={
            "baselines": measured - began,
            "search": searched - measured,
            "final training, registration and report": time.time() - searched,
        },
    )


def _train_and_register(
    plan: StudyPlan,
    folds: tuple[Fold, ...],
    record: StudyRecord,
    winner: dict[str, Any],
    resources: Resources,
    status: Status,
) -> Registration | None:
    status.update("training the winner on all development associations ...")
    configuration = configuration_from_params(winner["params"])
    pairs = development_pairs(plan.dataset, plan.protocol, plan.seed)
    part = development_part(plan.dataset, plan.protocol, plan.seed)
    final = train_to_register(configuration, part, folds, pairs, plan.seed, resources)
    status.update("registering the model ...")
    try:
        return _registered(
            plan, record, final, _card(plan, winner, final.config, final.calibration)
        )
    except InputError as error:  # the registry refuses: the study itself is whole
        console.print(f"Nothing was registered: {error}", style="yellow", markup=False)
        return None


def _registered(
    plan: StudyPlan, record: StudyRecord, final: FinalModel, card: ModelCard
) -> Registration:
    """The winner's version: a new one, unless a study that went on has found nothing better."""
    found = find_version(card.model, version_tags(card, plan.dataset))
    if found is not None:
        is_champion = int(resolve(card.model).version) == found
        return Registration(card.model, found, is_champion, f"version {found} is the winner still")
    return register(
        record.run_id,
        plan.dataset,
        final.probability,
        card,
        checkpoints={CHECKPOINT: checkpoint(final, plan.dataset)},
    )


def _resources(
    plan: StudyPlan, folds: tuple[Fold, ...], record: StudyRecord, status: Status
) -> Resources:
    """As asked for, or what a probe finds best, which the study's run then tells."""
    if plan.gpus_per_trial != AUTO:
        return trial_resources(plan.gpus_per_trial, plan.address)
    on_gpu = trial_resources(None, plan.address).gpus > 0
    status.update("measuring how many trials a device takes ...")
    packing = choose(
        measure(plan.dataset, folds, plan.space, plan.seed, on_gpu=on_gpu, starts=plan.starts)
    )
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
) -> tuple[str, float] | None:
    """Measure the plan's baselines on the study's folds, a run each.

    Returns:
        The best one's name and score; None where none is asked for.
    """
    done = "tags.kind = 'baseline' and tags.status = 'finished'"
    recorded = {run.info.run_name for run in runs_of(record.client, record.experiment_id, done)}
    scores = {}
    names = _baselines(plan)
    for number, name in enumerate(names, start=1):
        told = f"baseline {number} of {len(names)} on the same folds: {name} ..."
        with console.status(told):
            run_id = None if name in recorded else record.open_child("baseline", name, {})
            summary = cached_evaluation(
                name, plan.dataset, plan.protocol.name, plan.seed, folds
            ).summary()
            scores[name] = summary[plan.metric]
            if run_id is not None:
                ranked = {chosen(name): value for name, value in summary.items()}
                record.log_metrics(run_id, {**summary, **ranked}, step=0)
                record.close(run_id, Ending.FINISHED)
    if not scores:
        return None
    best = max(scores, key=scores.__getitem__)
    record.log_metrics(record.run_id, {baseline_curve(plan.metric): scores[best]}, step=0)
    return best, scores[best]


def _baselines(plan: StudyPlan) -> tuple[str, ...]:
    return core(BASELINES) if plan.baselines is None else plan.baselines


def _card(
    plan: StudyPlan, winner: dict[str, Any], configuration: Configuration, calibration: Calibration
) -> ModelCard:
    return ModelCard(
        model=plan.dataset.name,
        study=plan.name,
        protocol=plan.protocol,
        metric=plan.metric,
        start_points=told(plan.start_points()),
        development_score=winner[plan.metric],
        development_sd=winner[f"{plan.metric}_sd"],
        training=f"Trained on all development associations for {configuration.training.epochs}"
        " epochs, chosen from the winner's curve; the sealed part was not touched.",
        configuration=configuration.dotted(),
        calibration=calibration,
    )
