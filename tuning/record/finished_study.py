"""The study that is to be confirmed, read back from its record."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.protocols import Protocol
from model.network.autoencoder import Configuration
from tuning.metric import recorded_metric
from tuning.record.client import mlflow_client
from tuning.record.ensembles import Ensemble, recorded_ensemble
from tuning.record.identity import study_experiment
from tuning.record.leaderboard import leaderboard_rows
from tuning.record.study_record import StudyRecord, runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

_OWN_TAGS = (
    "study",
    "dataset",
    "data_hash",
    "kinds",
    "protocol",
    "space",
    "metric",
    "seed",
    "mmatune_version",
)


@dataclass(frozen=True)
class Candidate:
    """A trial of the study that may win.

    Its configuration has the epoch chosen from its curve as ``training.epochs``, and its
    development score is the mean of the study's metric over the development folds at that epoch.
    """

    name: str
    run_id: str
    configuration: Configuration
    development_score: float
    development_sd: float | None


@dataclass(frozen=True)
class FinishedStudy:
    """A study, the data it was made on, and its trials that may win, best first.

    ``metric`` is what it maximised, one of `METRICS`; ``ensemble`` is that of its trials, if any.
    """

    name: str
    dataset: AssociationDataset
    protocol: Protocol
    seed: int
    metric: str
    record: StudyRecord
    candidates: tuple[Candidate, ...]
    ensemble: Ensemble | None = None


def read_study(
    name: str, data: str | None, data_dir: Path, dataset: AssociationDataset | None = None
) -> FinishedStudy:
    """Read a study from MLflow and load its data.

    Args:
        data: where the data set is, if it is the user's own; None for one of the catalogue.
        dataset: the data set itself, if it is at hand.

    Raises:
        InputError: there is no such study, no trial of it has a score, or the data are not those it
            was made on.
    """
    client = mlflow_client()
    experiment = study_experiment(client, name)
    tags = {key: experiment.tags[key] for key in _OWN_TAGS if key in experiment.tags}
    runs = runs_of(client, experiment.experiment_id)
    metric = recorded_metric(experiment.tags)
    own = next((run for run in runs if run.data.tags.get("kind") == "study"), None)
    rows = leaderboard_rows(runs)
    candidates = tuple(
        Candidate(
            name=row["name"],
            run_id=row["run_id"],
            configuration=configuration_from_params(row["params"]),
            development_score=row[metric],
            development_sd=row[f"{metric}_sd"],
        )
        for row in rows
        if row["kind"] == "trial"
    )
    if own is None or own.info.status == "RUNNING" or not candidates:
        raise InputError(
            f"{name!r} has nothing to confirm: it still runs, or no trial has a score",
            where="study",
            hint=f"`mmatune study show {name}` shows how its trials ended",
        )
    return FinishedStudy(
        name=name,
        dataset=dataset or recorded_dataset(tags, data, data_dir, option="--data"),
        protocol=recorded_protocol(client, own.info.run_id),
        seed=int(tags["seed"]),
        metric=metric,
        record=StudyRecord(client, experiment.experiment_id, own.info.run_id, tags),
        candidates=candidates,
        ensemble=recorded_ensemble(client, rows, metric),
    )


def recorded_dataset(
    tags: Mapping[str, str], data: str | None, data_dir: Path, *, option: str
) -> AssociationDataset:
    """Load the data that a study was made on.

    Args:
        tags: of the study or one of its runs.
        data: where the data set is, if it is the user's own; None for one of the catalogue.
        option: what the user gives ``data`` with, for the hint.

    Raises:
        InputError: there is no such data set, or it is not what the study was made on.
    """
    from model.data.catalogue import load

    dataset = load(data or tags["dataset"], data_dir)
    if dataset.content_hash != tags["data_hash"]:
        raise InputError(
            f"the data have changed: their hash is {dataset.content_hash[:12]}, the study was made"
            f" on {tags['data_hash'][:12]}",
            where=data or tags["dataset"],
            hint=f"give the study's data with {option}, or search again on these",
        )
    return dataset


def recorded_protocol(client: MlflowClient, run_id: str) -> Protocol:
    """The protocol as the study recorded it, a grouping of the user's own included.

    Args:
        run_id: the study's own run.
    """
    with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
        path = client.download_artifacts(run_id, "protocol.json", folder)
        recorded = json.loads(Path(path).read_text(encoding="utf-8"))
    return Protocol.of_record(recorded)


def configuration_from_params(params: Mapping[str, Any]) -> Configuration:
    """The configuration of a run from its logged parameters, which MLflow keeps as text.

    The configuration's own types parse them, so 'none' stays a word and '1e-05' is a number. What
    an older version did not know yet gets its default.

    Raises:
        InputError: a parameter is not one of this version's.
    """
    return Configuration.from_dotted(params)
