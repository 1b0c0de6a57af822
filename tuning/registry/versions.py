"""The model registry: register a finished model, choose the champion, look models up."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.data.datasets import AssociationDataset
from model.errors import InputError
from tuning.metric import AUC, recorded_metric
from tuning.record.client import all_pages, mlflow_client
from tuning.registry.logged_model import log_model
from tuning.registry.model_card import (
    ModelCard,
    confirmed_description,
    description,
    model_description,
    version_tags,
)
from tuning.registry.verdict import may_be_champion

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.pyfunc import PyFuncModel

CHAMPION = "champion"


@dataclass(frozen=True)
class Registration:
    """A model version that was just registered.

    Args:
        model: registered name.
        version: its number, from 1.
        is_champion: whether the alias `champion` now names it.
        reason: one sentence on why the alias moved or stayed.
    """

    model: str
    version: int
    is_champion: bool
    reason: str


def register(
    run_id: str,
    dataset: AssociationDataset,
    probability: np.ndarray,
    card: ModelCard,
    *,
    checkpoint: bytes | None = None,
) -> Registration:
    """Log a model to a run and register it; champion only where there is none.

    A development score chose the model and is optimistic, so it moves no champion: that is for
    `confirm_version`. The run's status is left alone. The alias moves last, so an interruption
    leaves at worst a version that nobody is pointed to.

    Args:
        run_id: the run the model belongs to.
        dataset: the network; its associations are the pairs marked as known.
        probability: (M, S), score of every pair, 0 to 1.
        card: where the model comes from.
        checkpoint: the trained model itself, of `model.training.checkpoint`, or None.

    Raises:
        InputError: the scores do not fit the data set, the store cannot be reached, or the model
            is somebody else's.
    """
    from mlflow.exceptions import MlflowException

    _check_probability(probability, dataset)
    client = mlflow_client()
    logged = log_model(client, run_id, dataset, probability, card, checkpoint)
    _make_registered_model(client, card.model)
    tags = version_tags(card, dataset)
    try:
        created = client.create_model_version(
            card.model,
            # Not `models:/<id>`: MLflow would look that up at its global address, not the client's.
            source=logged.artifact_location,
            run_id=run_id,
            model_id=logged.model_id,
            tags=tags,
            description=description(card, dataset),
        )
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        raise InputError(
            f"you may not add a version to the registered model {card.model!r}, which is another's",
            where="MLFLOW_TRACKING_USERNAME",
            hint="the server's administrator may let you (mlflow/README.md); the model is kept with"
            " the study's run, and `mmatune confirm` registers it",
        ) from error
    number = int(created.version)
    present = client.get_registered_model(card.model).aliases.get(CHAMPION)
    if present is not None:
        reason = f"version {number} waits; version {present} stays champion until a confirmation"
        return Registration(card.model, number, False, f"{reason} says otherwise")
    client.set_registered_model_alias(card.model, CHAMPION, str(number))
    return Registration(card.model, number, True, f"version {number} is champion: there was none")


def find_version(model: str, tags: Mapping[str, str]) -> int | None:
    """The newest version of a model with the same study, data, protocol and configuration.

    Args:
        tags: of `model_card.version_tags`.
    """
    wanted = {key: tags[key] for key in ("study", "data_hash", "protocol", "configuration")}
    client = mlflow_client()
    found = [
        int(version.version)
        for version in all_pages(client.search_model_versions)
        if version.name == model and version.tags.items() >= wanted.items()
    ]
    return max(found, default=None)


def confirm_version(
    model: str, number: int, tags: Mapping[str, str], winning_baselines: Sequence[str]
) -> Registration:
    """Write what the confirmation found to a version, then move `champion` if it may move.

    The alias moves last: an interruption leaves at worst a confirmed version that waits.

    Args:
        tags: ``fresh_auc`` and ``fresh_auc_se``; where there is a sealed part ``confirmed_auc``,
            ``confirmed_auc_low`` and ``confirmed_auc_high``. For a study of another metric that
            metric's name stands in the place of "auc".
        winning_baselines: baselines significantly better than the model; any one keeps it from
            becoming champion.
    """
    client = mlflow_client()
    for key, value in tags.items():
        client.set_model_version_tag(model, str(number), key, value)
    version = client.get_model_version(model, str(number))
    metric = recorded_metric(version.tags)
    text = confirmed_description(version.description or "", tags, metric)
    client.update_model_version(model, str(number), description=text)
    return promote_version(model, number, winning_baselines)


def promote_version(model: str, number: int, winning_baselines: Sequence[str]) -> Registration:
    """Move `champion` to a confirmed version if it may move, see `verdict.may_be_champion`.

    Args:
        winning_baselines: baselines significantly better than the model.
    """
    client = mlflow_client()
    version = client.get_model_version(model, str(number))
    alias = client.get_registered_model(model).aliases.get(CHAMPION)
    present = None if alias is None else int(alias)
    present_tags = {} if alias is None else client.get_model_version(model, alias).tags
    moves, reason = may_be_champion(number, version.tags, present, present_tags, winning_baselines)
    if moves and present != number:
        client.set_registered_model_alias(model, CHAMPION, str(number))
    return Registration(model, number, moves or present == number, reason)


def resolve(reference: str) -> ModelVersion:
    """The model version that `name` (its champion), `name@alias` or `name/3` refers to.

    Raises:
        InputError: there is no such model, alias or version; the hint lists what there is.
    """
    from mlflow.exceptions import MlflowException

    client = mlflow_client()
    name, _, wanted_version = reference.removeprefix("models:/").partition("/")
    name, _, alias = name.partition("@")
    try:
        if wanted_version:
            return client.get_model_version(name, wanted_version)
        return client.get_model_version_by_alias(name, alias or CHAMPION)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise InputError(
            f"there is no registered model {reference!r}",
            where="model",
            hint=_registered(list_models()),
        ) from error


def load(found: ModelVersion) -> PyFuncModel:
    """Load a registered version, whichever store it is in.

    Outside this project `mlflow.pyfunc.load_model("models:/<name>@champion")` does the same; it
    reads MLflow's global address, which this project leaves alone.
    """
    client = mlflow_client()
    import mlflow

    uri = client.get_model_version_download_uri(found.name, found.version)
    with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=uri, dst_path=folder, tracking_uri=client.tracking_uri
        )
        model: PyFuncModel = mlflow.pyfunc.load_model(path)
        return model


def list_models() -> list[dict[str, Any]]:
    """Every registered version as one row, by name and then newest first.

    Keys: `name`, `version` (int), `aliases`, `study`, `protocol`, `metric` (what the study
    maximised), `confirmed` and `development` (its value on the sealed part and on the development
    folds), `confirmed_auc` and `development_auc` (the same of a study of AUC). A value that was
    never recorded is None. Scores of rows that differ in protocol, metric or data are not
    comparable.
    """
    client = mlflow_client()
    aliases: dict[tuple[str, str], list[str]] = {}
    for registered in all_pages(client.search_registered_models):
        for alias, number in registered.aliases.items():
            aliases.setdefault((registered.name, str(number)), []).append(alias)
    rows = []
    for found in all_pages(client.search_model_versions):
        tags, metric = found.tags, recorded_metric(found.tags)
        scores = {
            f"{kind}{ending}": _number(tags.get(f"{kind}_{of}"))
            for kind in ("confirmed", "development")
            for ending, of in (("", metric), ("_auc", AUC))
        }
        rows.append(
            {
                "name": found.name,
                "version": int(found.version),
                "aliases": sorted(aliases.get((found.name, str(found.version)), [])),
                "study": tags.get("study"),
                "protocol": tags.get("protocol"),
                "metric": metric,
                **scores,
            }
        )
    return sorted(rows, key=lambda row: (row["name"], -row["version"]))


def _make_registered_model(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=model_description(name))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _check_probability(probability: np.ndarray, dataset: AssociationDataset) -> None:
    if probability.shape != dataset.associations.shape:
        raise InputError(
            f"the scores have shape {probability.shape}, the data set asks for "
            f"{dataset.associations.shape} (miRNAs, small molecules)",
            where=dataset.name,
        )
    if not ((probability >= 0) & (probability <= 1)).all():  # also refuses NaN
        raise InputError("a score is not between 0 and 1", where=dataset.name)


def _registered(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "nothing is registered yet; `mmatune tune` registers the best model of a study"
    shown = [
        f"{row['name']}/{row['version']}" + "".join(f" (@{alias})" for alias in row["aliases"])
        for row in rows[:10]
    ]
    more = f" and {len(rows) - 10} more, see `mmatune model list`" if len(rows) > 10 else ""
    return f"registered: {', '.join(shown)}{more}"


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
