"""Going on with a study whose driver died or was interrupted.

Ray Tune keeps the trials and their checkpoints, Optuna what was suggested; the plan is a file in
the study's folder. Nobody keeps ASHA's rungs (ray #30838): they are filled again from the curves.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.protocols import Protocol
from search_spaces.schema import SearchSpace
from tuning.cluster.shared_storage import open_storage, study_storage
from tuning.ending import METRIC, Ending
from tuning.home import optuna_storage_url, study_folder
from tuning.plan import StudyPlan
from tuning.record.delivery import KEY
from tuning.record.recorder import StudyRecord, runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Ray Tune's id of a trial: tag of its run, attribute of Optuna's trial.
RAY_TRIAL = "ray_trial"
AGAIN = "again"  # attribute of an Optuna trial: the number of the one it is suggested again for
RAY_FOLDER = "ray"  # Ray Tune's, in the study's storage
_FILE = "plan.json"


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
    """

    runs: Mapping[str, str]
    points: tuple[Point, ...]

    @property
    def epochs(self) -> dict[str, int]:
        """The last measured epoch of each trial, by Ray Tune's id."""
        return {point.ray_trial: point.epoch for point in sorted(self.points, key=_epoch)}


def save_plan(plan: StudyPlan) -> None:
    """Keep what a study is asked to do, for whoever goes on with it."""
    document = {
        "data_hash": plan.dataset.content_hash,
        "mmatune_version": plan.tags()["mmatune_version"],
        "protocol": asdict(plan.protocol),
        "space_name": plan.space_name,
        "space": plan.space.model_dump(),
        "trials": plan.trials,
        "seed": plan.seed,
        "gpus_per_trial": plan.gpus_per_trial,
        "storage": plan.storage,
    }
    draft = study_folder(plan.name) / f"{_FILE}.draft"
    draft.write_text(json.dumps(document, indent=2), encoding="utf-8")
    draft.replace(study_folder(plan.name) / _FILE)


def read_plan(name: str, dataset: AssociationDataset, address: str | None = None) -> StudyPlan:
    """What a study was asked to do.

    Args:
        address: of the Ray cluster to go on with, which may be another.

    Raises:
        InputError: there is no such study in this home, it never began to search, or the data or
            the version of mmatune are others.
    """
    path = study_folder(name) / _FILE
    document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if document is None or not _has_begun(study_storage(name, document["storage"])):
        raise InputError(
            f"there is no study {name!r} to go on with: it never began to search from here",
            where="--resume",
            hint="`mmatune study list` shows what there is; give its name with --name",
        )
    plan = StudyPlan(
        name=name,
        dataset=dataset,
        protocol=_protocol(document["protocol"]),
        space_name=document["space_name"],
        space=SearchSpace.model_validate(document["space"]),
        trials=document["trials"],
        seed=document["seed"],
        gpus_per_trial=document["gpus_per_trial"],
        address=address,
        storage=document["storage"],
    )
    for what, now in (
        ("data_hash", dataset.content_hash),
        ("mmatune_version", plan.tags()["mmatune_version"]),
    ):
        if document[what] != now:
            raise InputError(
                f"the {what.replace('_', ' ')} is {now[:12]}, the study began with"
                f" {document[what][:12]}: its scores would not be of one kind",
                where="--resume",
                hint="begin a new study",
            )
    return plan


def reopen(client: MlflowClient, plan: StudyPlan) -> tuple[StudyRecord, Progress]:
    """The study's record, open again, and how far it came. MLflow must know all of it.

    Raises:
        InputError: MLflow has no such study, or it is finished.
    """
    experiment = client.get_experiment_by_name(plan.name)
    if experiment is None:
        raise InputError(
            f"MLflow knows no study {plan.name!r}",
            where="MLFLOW_TRACKING_URI",
            hint="set it to what it was when the study began",
        )
    runs = runs_of(client, experiment.experiment_id)
    (own,) = (run for run in runs if run.data.tags.get("kind") == "study")
    if own.data.tags.get("status") == Ending.FINISHED.value:
        raise InputError(f"the study {plan.name!r} is finished", where="--resume")
    trials = {run.data.tags[RAY_TRIAL]: run for run in runs if RAY_TRIAL in run.data.tags}
    points = [
        Point(trial, point.step, point.value, point.timestamp)
        for trial, run in trials.items()
        for point in client.get_metric_history(run.info.run_id, METRIC)
    ]
    record = StudyRecord(client, experiment.experiment_id, own.info.run_id, plan.tags())
    return record, Progress(
        {trial: run.data.tags[KEY] for trial, run in trials.items()},
        tuple(sorted(points, key=lambda point: (point.time, point.epoch))),
    )


def begin_unknown_anew(
    study: str, record: StudyRecord, progress: Progress, known: Collection[str]
) -> Progress:
    """Forget trials that began after Ray Tune's last snapshot; the same is suggested again.

    Ray Tune writes a snapshot every ten seconds and at every checkpoint. When the driver dies it
    may not know of a trial that has a suggestion of Optuna's and a run of MLflow's already, and
    begins another in its place. So the run is deleted, and the suggestion, which may be a starting
    point that nobody else makes, is to come once more.

    Args:
        known: the trials in the snapshot, by Ray Tune's id.

    Returns:
        The progress of those.
    """
    import optuna
    from optuna.trial import TrialState

    for trial in progress.runs.keys() - known:
        record.delete(progress.runs[trial])
    suggestions = optuna.load_study(study_name=study, storage=optuna_storage_url())
    suggested = suggestions.get_trials(deepcopy=False)
    again = {one.user_attrs.get(AGAIN) for one in suggested}
    for one in suggested:
        begun = one.state in (TrialState.RUNNING, TrialState.FAIL)
        if begun and one.user_attrs.get(RAY_TRIAL) not in known and one.number not in again:
            if one.state is TrialState.RUNNING:
                suggestions.tell(one.number, state=TrialState.FAIL)
            # It may have been cut off before all of a starting point was suggested.
            params = {**one.system_attrs.get("fixed_params", {}), **one.params}
            suggestions.enqueue_trial(params, user_attrs={AGAIN: one.number})
    return Progress(
        {trial: run for trial, run in progress.runs.items() if trial in known},
        tuple(point for point in progress.points if point.ray_trial in known),
    )


def _has_begun(storage: str) -> bool:
    from pyarrow.fs import FileType

    try:
        filesystem, root = open_storage(storage)
        (found,) = filesystem.get_file_info([f"{root}/{RAY_FOLDER}/tuner.pkl"])
    except OSError as error:
        raise InputError(f"{storage} does not answer: {error}", where="--storage") from error
    return bool(found.type == FileType.File)


def _protocol(document: dict[str, Any]) -> Protocol:
    grouping = document["grouping"]
    if not isinstance(grouping, str):
        grouping = tuple(tuple(pair) for pair in grouping)
    return Protocol(**{**document, "grouping": grouping})


def _epoch(point: Point) -> int:
    return point.epoch
