"""Resuming a study whose driver died or was interrupted: what is known of it, and by whom.

Ray Tune's snapshot has the trials and their checkpoints, Optuna's database the suggestions, MLflow
the curves; the plan is a file in the study's folder. ASHA's rungs are in none of them (ray #30838):
the scheduler counts the curves again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import Protocol
from search_spaces.schema import SearchSpace
from tuning.cluster.shared_storage import study_storage
from tuning.ending import DEFAULT_METRIC, Ending
from tuning.home import optuna_storage_url, study_folder, study_path
from tuning.plan import StudyPlan
from tuning.record.delivery import KEY
from tuning.record.identity import PLAN, has_begun, study_experiment
from tuning.record.study_record import StudyRecord, best_curve, runs_of
from tuning.starts import Start

if TYPE_CHECKING:
    import optuna
    from mlflow import MlflowClient

# Ray Tune's id of a trial: tag of its run, attribute of Optuna's trial.
RAY_TRIAL = "ray_trial"
# How the trial ended, one of `Ending`: attribute of Optuna's trial, to which finished and stopped
# trials are told alike.
ENDED = "ended"
# Attributes of an Optuna trial: the number of the trial that it repeats the suggestion of, and of
# the one that was told as failed and whose true end it holds.
AGAIN, RESUMED = "again", "resumed"
_POINT = "point"  # attribute of an Optuna trial: the point that it was enqueued with


@dataclass(frozen=True)
class Point:
    """A measured point of a trial's curve; ``time``, in milliseconds, orders those of all."""

    ray_trial: str
    epoch: int
    score: float
    time: int


@dataclass(frozen=True)
class Progress:
    """How far a study came.

    Args:
        runs: of the trials, by Ray Tune's id.
        points: of all trials, in the order they were measured.
        best: the best chosen score of the trials that have ended; None where none has.
        reports: of the trials that go on, every score by epoch, see `with_reports`.
    """

    runs: Mapping[str, str]
    points: tuple[Point, ...]
    best: float | None = None
    reports: Mapping[str, Mapping[int, Mapping[str, float]]] = field(default_factory=dict)

    @property
    def epochs(self) -> dict[str, int]:
        """The last measured epoch of each trial, by Ray Tune's id."""
        return {point.ray_trial: point.epoch for point in sorted(self.points, key=_epoch)}


def save_plan(plan: StudyPlan) -> None:
    """Write what a study is asked to do, for a later process that resumes it."""
    document = {
        "data_hash": plan.dataset.content_hash,
        "mmatune_version": plan.tags()["mmatune_version"],
        "protocol": asdict(plan.protocol),
        "space_name": plan.space_name,
        "space": plan.space.model_dump(),
        "trials": plan.trials,
        "seed": plan.seed,
        "sampler": plan.sampler,
        "metric": plan.metric,
        "starts": [asdict(start) for start in plan.start_points()],
        "gpus_per_trial": plan.gpus_per_trial,
        "storage": plan.storage,
        "leak": plan.leak,
        "time_budget_s": plan.time_budget_s,
        "ensemble_baselines": plan.ensemble_baselines,
        "baselines": plan.baselines,
    }
    draft = study_folder(plan.name) / f"{PLAN}.draft"
    draft.write_text(json.dumps(document, indent=2), encoding="utf-8")
    draft.replace(study_folder(plan.name) / PLAN)


def read_plan(name: str, dataset: AssociationDataset, address: str | None = None) -> StudyPlan:
    """What a study was asked to do.

    Args:
        address: of the Ray cluster to go on with, which may be another.

    Raises:
        InputError: there is no such study in this home, it never began to search, or the data or
            the version of mmatune are others; or what it was asked to do is damaged.
    """
    path = study_path(name) / PLAN
    not_begun = InputError(
        f"there is no study {name!r} to go on with: it never began to search from here",
        where="--resume",
        hint="`mmatune study list` shows what there is; give its name with --name",
    )
    if not path.exists():
        raise not_begun
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        plan = _plan(name, document, dataset, address)
        began = {what: str(document[what]) for what in ("data_hash", "mmatune_version")}
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(
            f"the study's plan is damaged ({type(error).__name__})",
            where=str(path),
            hint="put back a copy of it, or begin a new study",
        ) from error
    for what, now in (
        ("data_hash", dataset.content_hash),
        ("mmatune_version", plan.tags()["mmatune_version"]),
    ):
        if began[what] != now:
            raise InputError(
                f"the {what.replace('_', ' ')} is {now[:12]}, the study began with"
                f" {began[what][:12]}: its scores would not be of one kind",
                where="--resume",
                hint="begin a new study",
            )
    if not has_begun(study_storage(name, plan.storage)):
        raise not_begun
    return plan


def _plan(
    name: str, document: dict[str, Any], dataset: AssociationDataset, address: str | None
) -> StudyPlan:
    return StudyPlan(
        name=name,
        dataset=dataset,
        protocol=Protocol.of_record(document["protocol"]),
        space_name=document["space_name"],
        space=SearchSpace.model_validate(document["space"]),
        trials=int(document["trials"]),
        seed=int(document["seed"]),
        # Earlier versions wrote neither, and had no other.
        sampler=document.get("sampler", "tpe"),
        metric=document.get("metric", DEFAULT_METRIC),
        starts=tuple(Start(**one) for one in document["starts"]) if "starts" in document else None,
        gpus_per_trial=document["gpus_per_trial"],
        address=address,
        storage=document["storage"],
        leak=document.get("leak", ""),
        time_budget_s=document.get("time_budget_s"),
        ensemble_baselines=document.get("ensemble_baselines", False),
        baselines=None if document.get("baselines") is None else tuple(document["baselines"]),
    )


def changed(plan: StudyPlan, trials: int | None, time_budget_s: float | None) -> StudyPlan:
    """The plan of a study that goes on, with what may be asked for anew.

    Args:
        trials: how many it is to have in all; None for as many as it was to have.
        time_budget_s: for what is left of the search; None for that of before.

    Raises:
        InputError: that are fewer trials than it was to have.
    """
    if trials is not None and trials < plan.trials:
        raise InputError(
            f"the study {plan.name!r} is to have {plan.trials} trials already",
            where="--trials",
            hint="give a larger number, all trials of before included, or leave it out",
        )
    if time_budget_s is None:
        time_budget_s = plan.time_budget_s
    return replace(plan, trials=trials or plan.trials, time_budget_s=time_budget_s)


def reopen(client: MlflowClient, plan: StudyPlan) -> tuple[StudyRecord, Progress]:
    """The study's record, open again, and how far it came. MLflow must know all of it.

    Raises:
        InputError: MLflow has no such study, or it is finished and has all its trials.
    """
    if client.get_experiment_by_name(plan.name) is None:
        raise InputError(
            f"MLflow knows no study {plan.name!r}",
            where="MLFLOW_TRACKING_URI",
            hint="set it to what it was when the study began",
        )
    experiment = study_experiment(client, plan.name, "--resume")
    runs = runs_of(client, experiment.experiment_id)
    (own,) = (run for run in runs if run.data.tags.get("kind") == "study")
    trials = {run.data.tags[RAY_TRIAL]: run for run in runs if RAY_TRIAL in run.data.tags}
    if own.data.tags.get("status") == Ending.FINISHED.value and len(trials) >= plan.trials:
        raise InputError(
            f"the study {plan.name!r} is finished, with {len(trials)} trials",
            where="--resume",
            hint="it goes on if you ask for more with --trials",
        )
    points = [
        Point(trial, point.step, point.value, point.timestamp)
        for trial, run in trials.items()
        for point in client.get_metric_history(run.info.run_id, plan.metric)
    ]
    record = StudyRecord(client, experiment.experiment_id, own.info.run_id, plan.tags())
    return record, Progress(
        {trial: run.data.tags[KEY] for trial, run in trials.items()},
        tuple(sorted(points, key=lambda point: (point.time, point.epoch))),
        best=own.data.metrics.get(best_curve(plan.metric)),
    )


def with_reports(
    client: MlflowClient, experiment_id: str, progress: Progress, trials: Collection[str]
) -> Progress:
    """The progress with all that is recorded of some trials: those that go on.

    The epoch that is chosen at their end may be one from before the fault, and every metric at it
    is recorded then. A request for each metric of each trial: of trials that have ended none is
    needed.
    """
    names = [name for metric in METRICS for name in (metric, f"{metric}_sd")]
    found: dict[str, dict[int, dict[str, float]]] = {}
    for run in runs_of(client, experiment_id, "tags.kind = 'trial'"):
        trial = run.data.tags.get(RAY_TRIAL)
        if trial not in trials:
            continue
        of_trial = found.setdefault(trial, {})
        for name in names:
            if name in run.data.metrics:
                for point in client.get_metric_history(run.info.run_id, name):
                    of_trial.setdefault(point.step, {})[name] = point.value
    return replace(progress, reports=found)


def tracked_trials(folder: str) -> dict[str, bool]:
    """Whether each trial in Ray Tune's last snapshot of a search has ended, by its id.

    There are none if no snapshot was written.

    Args:
        folder: of the search in the study's storage, a path or an address.
    """
    from ray.tune import ExperimentAnalysis

    try:
        trials = ExperimentAnalysis(folder).trials
    except ValueError:  # there is no snapshot
        return {}
    return {trial.trial_id: trial.is_finished() for trial in trials}


def requeue_untracked_trials(
    study: str, record: StudyRecord, progress: Progress, tracked: Collection[str]
) -> Progress:
    """Forget trials that are not in Ray Tune's last snapshot, and enqueue their points once more.

    Ray Tune writes a snapshot every ten seconds and at every checkpoint. A trial that began after
    the last one has a suggestion in Optuna and a run in MLflow, but Ray Tune starts another trial
    in its place. So the run is deleted and the suggestion repeated: it may be a starting point of
    the space, which no sampler would suggest again.

    Args:
        tracked: the trials in the snapshot, see `tracked_trials`.

    Returns:
        The progress of those.
    """
    import optuna
    from optuna.trial import TrialState

    for trial_id in progress.runs.keys() - tracked:
        record.delete(progress.runs[trial_id])
    suggestions = optuna.load_study(study_name=study, storage=optuna_storage_url())
    trials = suggestions.get_trials(deepcopy=False)
    repeated = {trial.user_attrs.get(AGAIN) for trial in trials}
    for trial in trials:
        failed = trial.user_attrs.get(ENDED) == Ending.FAILED  # a diverged one too
        is_open = failed or trial.state in (TrialState.RUNNING, TrialState.FAIL)
        is_tracked = trial.user_attrs.get(RAY_TRIAL) in tracked
        if not is_open or is_tracked or trial.number in repeated:
            continue
        if trial.state is TrialState.RUNNING:
            suggestions.tell(trial.number, state=TrialState.FAIL)
        # The driver may have died before Optuna had suggested all of an enqueued point.
        point = {**trial.user_attrs.get(_POINT, {}), **trial.params}
        enqueue(suggestions, point, **{AGAIN: trial.number})
    return replace(
        progress,
        runs={trial_id: run for trial_id, run in progress.runs.items() if trial_id in tracked},
        points=tuple(point for point in progress.points if point.ray_trial in tracked),
    )


def enqueue(study: optuna.Study, point: Mapping[str, Any], **attributes: Any) -> None:
    """Have Optuna suggest a point before it asks the sampler; the trial's attributes hold it."""
    study.enqueue_trial(dict(point), user_attrs={_POINT: dict(point), **attributes})


def number_suggested(study: optuna.Study) -> int:
    """How many points Optuna has suggested for trials, each as often as it did."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    return sum(
        trial.state is not TrialState.WAITING and RESUMED not in trial.user_attrs
        for trial in trials
    )


def _epoch(point: Point) -> int:
    return point.epoch
