"""The model registry: register a finished model, choose the champion, look models up."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.kinds import Kinds, as_record, of_record
from model.errors import InputError
from model.evaluation.protocol_names import is_same_protocol
from tuning.metric import AUC, recorded_metric
from tuning.record.client import all_pages, mlflow_client
from tuning.registry.champion import may_be_champion
from tuning.registry.conclusion import CONCLUSION
from tuning.registry.logged_model import log_model
from tuning.registry.model_card import (
    MEASURED,
    ModelCard,
    confirmed_description,
    description,
    model_description,
    version_tags,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.pyfunc import PyFuncModel

CHAMPION = "champion"
_OF_A_CONFIRMATION = ("fresh_", "confirmed_", "sealed_", CONCLUSION)  # tags


@dataclass(frozen=True)
class Registration:
    """A model version that was just registered.

    Args:
        model: registered name.
        version: its number, from 1.
        is_champion: whether the alias `champion` now names it, or its configuration trained on
            everything.
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
    checkpoints: Mapping[str, bytes] | None = None,
    first_is_champion: bool = True,
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
        checkpoints: the trained model itself, of `model.training.checkpoint`, by the name of its
            file; of an ensemble every member.
        first_is_champion: False leaves the alias alone whatever there is: a confirmation decides.

    Raises:
        InputError: the scores do not fit the data set, the store cannot be reached, or the model
            is somebody else's.
    """
    from mlflow.exceptions import MlflowException

    _check_probability(probability, dataset)
    client = mlflow_client()
    logged = log_model(client, run_id, dataset, probability, card, checkpoints or {})
    _make_registered_model(client, card.model, dataset.kinds)
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
    if not first_is_champion:
        return Registration(card.model, number, False, f"version {number} waits")
    present = client.get_registered_model(card.model).aliases.get(CHAMPION)
    if present is not None:
        reason = f"version {number} waits; version {present} stays champion until a confirmation"
        return Registration(card.model, number, False, f"{reason} says otherwise")
    client.set_registered_model_alias(card.model, CHAMPION, str(number))
    return Registration(card.model, number, True, f"version {number} is champion: there was none")


def find_version(model: str, tags: Mapping[str, str]) -> int | None:
    """The newest version of a model with the same study, data, protocol and configuration.

    Args:
        tags: of `model_card.version_tags`. Those of a model that was trained on everything, and
            only those, also find one: of the same measured version.
    """
    wanted = {key: tags[key] for key in ("study", "data_hash", "configuration")}
    found = [
        int(version.version)
        for version in _versions_of(model)
        if version.tags.items() >= wanted.items()
        and is_same_protocol(version.tags.get("protocol"), tags["protocol"])
        and version.tags.get(MEASURED) == tags.get(MEASURED)
    ]
    return max(found, default=None)


def other_data(model: str, data_hash: str) -> str:
    """A line for who begins a study whose model has a name that other data have; else empty.

    Args:
        model: registered name, which is that of the data set.
        data_hash: of the data set.
    """
    versions = _versions_of(model)
    hashes = {str(one.tags.get("data_hash")) for one in versions}
    if not versions or data_hash in hashes:
        return ""
    known = ", ".join(sorted(one[:12] for one in hashes))
    return (
        f"The registered model {model!r} is of other data of that name (content hash {known}, of"
        f" these {data_hash[:12]}). This study's model becomes another version of it, never its"
        " champion unasked; give the folder another name for a model of its own."
    )


def find_refit(model: str, number: int) -> int | None:
    """The newest version with the configuration of this one that was trained on everything."""
    found = [
        int(version.version)
        for version in _versions_of(model)
        if version.tags.get(MEASURED) == str(number)
    ]
    return max(found, default=None)


def confirm_version(model: str, number: int, tags: Mapping[str, str]) -> None:
    """Write what the latest confirmation found to a version: tags and description.

    Nothing of an earlier confirmation stays. `promote_version` moves the alias, after this: an
    interruption leaves at worst a confirmed version that waits.

    Args:
        tags: ``fresh_auc`` and ``fresh_auc_se``, with those of `champion.fold_tags`; where the
            sealed part was opened ``confirmed_auc``, ``confirmed_auc_low`` and
            ``confirmed_auc_high``, the same of ``confirmed_difference`` to the baseline
            ``confirmed_against``, and ``sealed_warning`` if there is one. For a study of another
            metric that metric's name stands in the place of "auc".
    """
    client = mlflow_client()
    version = client.get_model_version(model, str(number))
    _describe_confirmed(client, version, tags)
    for key, value in tags.items():
        client.set_model_version_tag(model, str(number), key, value)
    for key in version.tags.keys() - tags.keys():
        if key.startswith(_OF_A_CONFIRMATION):
            client.delete_model_version_tag(model, str(number), key)


def confirm_refit(model: str, number: int, tags: Mapping[str, str]) -> None:
    """Say in the description of a model trained on everything what the measured version scores.

    Args:
        tags: of the measured version, see `confirm_version`. None of them becomes a tag of this
            one: they are not its scores.
    """
    client = mlflow_client()
    _describe_confirmed(client, client.get_model_version(model, str(number)), tags)


def _describe_confirmed(
    client: MlflowClient, version: ModelVersion, tags: Mapping[str, str]
) -> None:
    metric = recorded_metric(version.tags)
    text = confirmed_description(
        version.description or "", tags, metric, of_record(version.tags.get("kinds"))
    )
    client.update_model_version(version.name, str(version.version), description=text)


def promote_version(
    model: str, number: int, baselines_ahead: Sequence[str], across: str | None = None
) -> Registration:
    """Move `champion` to a confirmed version if it may move, see `champion.may_be_champion`.

    Where the same configuration was trained on everything too, the alias goes to that version, and
    the scores of this one decide. It is so for the present champion as well.

    Args:
        baselines_ahead: baselines with a higher mean than the model on the fresh splits.
        across: the command that moves it across data, protocols and metrics; None if it may.
    """
    client = mlflow_client()
    tags = client.get_model_version(model, str(number)).tags
    alias = client.get_registered_model(model).aliases.get(CHAMPION)
    present, present_tags = _measured(client, model, alias)
    moves, reason = may_be_champion(number, tags, present, present_tags, baselines_ahead, across)
    target = find_refit(model, number) or number
    if moves and str(alias) != str(target):
        client.set_registered_model_alias(model, CHAMPION, str(target))
    if moves and target != number:
        reason += f"; the alias is on version {target}, the same trained on all associations"
    return Registration(model, number, moves or present == number, reason)


def _measured(
    client: MlflowClient, model: str, alias: str | None
) -> tuple[int | None, dict[str, str]]:
    """The version whose scores speak for the champion, and its tags."""
    if alias is None:
        return None, {}
    tags = client.get_model_version(model, alias).tags
    if MEASURED not in tags:
        return int(alias), tags
    measured = tags[MEASURED]
    if measured not in {str(one.version) for one in _versions_of(model)}:
        return int(alias), tags  # it was deleted, and nothing is known of its scores
    return int(measured), client.get_model_version(model, measured).tags


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
    folds), `confirmed_auc` and `development_auc` (the same of a study of AUC), `sealed_low` and
    `sealed_high` (the 95 % interval of `confirmed`), `fresh` (on fresh splits), `measured_version`
    (the version that has the scores of a model trained on everything). A value that was never
    recorded is None. Scores of rows that differ in protocol, metric or data are not
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
                "kinds": as_record(of_record(tags.get("kinds"))),
                "metric": metric,
                "measured_version": _whole(tags.get(MEASURED)),
                **scores,
                "fresh": _number(tags.get(f"fresh_{metric}")),
                "sealed_low": _number(tags.get(f"confirmed_{metric}_low")),
                "sealed_high": _number(tags.get(f"confirmed_{metric}_high")),
            }
        )
    return sorted(rows, key=lambda row: (row["name"], -row["version"]))


def _versions_of(model: str) -> list[ModelVersion]:
    """All versions of a registered model."""
    return [one for one in all_pages(mlflow_client().search_model_versions) if one.name == model]


def _make_registered_model(client: MlflowClient, name: str, kinds: Kinds) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=model_description(name, kinds))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _check_probability(probability: np.ndarray, dataset: AssociationDataset) -> None:
    if probability.shape != dataset.associations.shape:
        raise InputError(
            f"the scores have shape {probability.shape}, the data set asks for "
            f"{dataset.associations.shape} ({dataset.kinds[0].plural}, {dataset.kinds[1].plural})",
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


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
