"""Find a recorded trial and train it again: bit for bit the same on the same device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import Protocol, development_folds
from model.network.autoencoder import Configuration
from tuning.metric import recorded_metric
from tuning.record.client import mlflow_client
from tuning.record.finished_study import configuration_from_params, recorded_protocol
from tuning.record.identity import study_experiment
from tuning.record.study_record import CHOSEN_EPOCH, runs_of
from tuning.search.worker import worker_device

if TYPE_CHECKING:
    from mlflow import MlflowClient

_EPOCHS_AT_ONCE = 10  # between two steps of the progress bar


@dataclass(frozen=True)
class RecordedTrial:
    """A trial as its MLflow run records it.

    Args:
        name: "STUDY/trial".
        run_id: of its MLflow run.
        tags: of the run: among them the data hash, the study and the version of mmatune.
        configuration: all of it.
        protocol: of the study, which with the seed gives the folds.
        seed: of the study.
        epoch: the one chosen from its curve; of a trial that may not win the last one measured.
        metrics: what was measured then, by name; the study's metric is among them.
    """

    name: str
    run_id: str
    tags: Mapping[str, str]
    configuration: Configuration
    protocol: Protocol
    seed: int
    epoch: int
    metrics: Mapping[str, float]

    @property
    def metric(self) -> str:
        """What the study maximises."""
        return recorded_metric(self.tags)


@dataclass(frozen=True)
class Repetition:
    """The outcome of training a trial again.

    Args:
        metrics: as recorded and as repeated, for every metric that the record has.
        device: "cpu" or "cuda", where it was repeated.
        recorded_device: where it was recorded; None if the record does not say.
    """

    trial: RecordedTrial
    metrics: Mapping[str, tuple[float, float]]
    device: str
    recorded_device: str | None

    @property
    def identical(self) -> bool:
        """Whether every metric is the recorded one to the last bit."""
        return all(recorded == repeated for recorded, repeated in self.metrics.values())


def find_trial(reference: str) -> RecordedTrial:
    """The trial of a run id or of a name "STUDY/trial".

    Raises:
        InputError: there is no such trial, its name is not the only one, or nothing was measured.
    """
    client = mlflow_client()
    run = _run_by_name(client, reference) if "/" in reference else _run_by_id(client, reference)
    tags = run.data.tags
    if tags.get("kind") != "trial" or "mlflow.parentRunId" not in tags:
        raise InputError(
            f"the run {reference!r} is no trial of a study",
            where="--from-run",
            hint="name one as STUDY/trial-001; `mmatune study show STUDY` lists them",
        )
    name = f"{tags['study']}/{run.info.run_name}"
    curve = client.get_metric_history(run.info.run_id, recorded_metric(tags))
    if not curve:
        raise InputError(
            f"{name} left no score to compare with ({tags.get('status', 'still running')})",
            where="--from-run",
            hint=tags.get("reason", "choose a trial that has been measured at least once"),
        )
    last = max(point.step for point in curve)
    epoch = int(run.data.metrics.get(CHOSEN_EPOCH, last))
    return RecordedTrial(
        name=name,
        run_id=run.info.run_id,
        tags=tags,
        configuration=configuration_from_params(run.data.params),
        protocol=recorded_protocol(client, tags["mlflow.parentRunId"]),
        seed=int(tags["seed"]),
        epoch=epoch,
        metrics=_metrics_at(client, run, epoch),
    )


def repeat_trial(
    trial: RecordedTrial,
    dataset: AssociationDataset,
    progress: Callable[[int], None] = lambda epoch: None,
) -> Repetition:
    """Train a trial again, to the epoch that it is recorded with.

    The folds follow from data, protocol and seed; everything random from seed, fold and epoch. Sums
    are rounded as on a worker: torch is left one thread in this process, and the device is the one
    that a worker would take.

    Args:
        dataset: what the trial was trained on, see `finished_study.recorded_dataset`.
        progress: called with the epoch reached.
    """
    from model.training.cross_validation import CrossValidation

    device = worker_device()
    folds = development_folds(dataset, trial.protocol, trial.seed)
    validation = CrossValidation(
        trial.configuration, dataset, folds, seed=trial.seed, device=device
    )
    while validation.epoch < trial.epoch:
        loss = validation.train(min(_EPOCHS_AT_ONCE, trial.epoch - validation.epoch))
        progress(validation.epoch)
    repeated = {**validation.evaluate().summary(), "loss": loss}
    return Repetition(
        trial=trial,
        metrics={name: (value, repeated[name]) for name, value in trial.metrics.items()},
        device=device,
        recorded_device=trial.tags.get("device"),
    )


def _run_by_id(client: MlflowClient, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InputError(
            f"there is no run {run_id!r}",
            where="--from-run",
            hint="give a run id, or a name as STUDY/trial-001; `mmatune study list` lists studies",
        ) from error


def _run_by_name(client: MlflowClient, name: str) -> Any:
    study, _, wanted = name.partition("/")  # the name of a study has no slash
    experiment = study_experiment(client, study, "--from-run")
    trials = runs_of(client, experiment.experiment_id, "tags.kind = 'trial'")
    names = [run.info.run_name for run in trials]
    # "trial-001" is enough for "trial-001 (published)".
    found = [run for run in trials if wanted in (run.info.run_name, run.info.run_name.split()[0])]
    if len(found) != 1:
        problem = f"{len(found)} trials are called" if found else "there is no trial"
        ids = ", ".join(run.info.run_id for run in found)
        hint = (
            f"give its run id, one of: {ids}"
            if found
            else f"trials are: {', '.join(sorted(names))}"
        )
        raise InputError(f"{problem} {wanted!r} in {study}", where="--from-run", hint=hint)
    return found[0]


def _metrics_at(client: MlflowClient, run: Any, epoch: int) -> dict[str, float]:
    """What a run's curves say at an epoch; what was not finite then is in none of them."""
    found = {}
    for name in (*METRICS, *(f"{metric}_sd" for metric in METRICS), "loss"):
        if name in run.data.metrics:
            for point in client.get_metric_history(run.info.run_id, name):
                if point.step == epoch:
                    found[name] = point.value
    return found
