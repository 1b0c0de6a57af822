"""What the report says about the winner itself: its curves and its top unknown pairs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import InputError
from model.evaluation.protocols import development_folds
from tuning.metric import AUC
from tuning.record.client import mlflow_client
from tuning.record.finished_study import read_study
from tuning.registry.pair_table import known_data, pair_rows
from tuning.registry.ranking import rank_network
from tuning.registry.versions import CHAMPION
from tuning.report.curves import winner_curves

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from model.data.datasets import AssociationDataset

TOP_PAIRS = 200  # in the file; the page shows the first ones
_SAME = 1e-3  # AUC; a checkpoint scored on another device differs by rounding


def try_curves(
    name: str,
    winner: Mapping[str, Any],
    data: str | None,
    data_dir: Path,
    dataset: AssociationDataset | None,
    missing: dict[str, str],
) -> dict[str, Any] | None:
    """The winner's curves from the last checkpoint of its trial, which may be of a later epoch than
    the chosen one; None, and why, where that cannot be.
    """
    try:
        study = read_study(name, data, data_dir, dataset)
        candidate = next(one for one in study.candidates if one.name == winner["name"])
        folds = development_folds(study.dataset, study.protocol, study.seed)
        with tempfile.TemporaryDirectory() as folder:
            client = mlflow_client()
            if not client.list_artifacts(candidate.run_id, "checkpoint"):
                missing["curves"] = "The winner's checkpoint is not in its run."
                return None
            path = client.download_artifacts(candidate.run_id, "checkpoint", folder)
            found = winner_curves(
                candidate.configuration, study.dataset, folds, study.seed, Path(path)
            )
            history = client.get_metric_history(candidate.run_id, AUC)
    except InputError as error:
        missing["curves"] = f"Drawn from the study's data, which could not be had: {error}."
        return None
    mean = sum(fold[AUC] for fold in found["folds"]) / len(found["folds"])
    recorded = {point.step: point.value for point in history}.get(found["epoch"], math.nan)
    if not abs(mean - recorded) <= _SAME:
        missing["curves"] = (
            f"The winner's checkpoint scores an AUC of {mean:.4f}, its run says {recorded:.4f} at"
            f" epoch {found['epoch']}: they do not belong together."
        )
        return None
    return found


def top_pairs(
    client: MlflowClient,
    run_id: str,
    confirmation: Mapping[str, Any] | None,
    data: str | None,
    data_dir: Path,
    missing: dict[str, str],
) -> tuple[dict[str, Any] | None, list[dict[str, Any]] | None]:
    """The study's registered version, and the unknown pairs it ranks first, see `pair_rows`."""
    found_there = client.search_model_versions(f"run_id = '{run_id}'")
    # The model for use, where the confirmation made one: trained on all associations.
    confirmed = confirmation and (confirmation.get("refit") or confirmation["model"]["version"])
    versions = sorted(
        found_there, key=lambda one: (int(one.version) == confirmed, int(one.version))
    )
    if not versions:
        missing["top_pairs"] = "The study registered no model."
        return None, None
    found = versions[-1]
    aliases = client.get_registered_model(found.name).aliases
    version = {
        "name": found.name,
        "version": int(found.version),
        "is_champion": str(aliases.get(CHAMPION)) == str(found.version),
    }
    known, folder = known_data(found.tags, data, data_dir)
    best = rank_network(f"{found.name}/{found.version}", TOP_PAIRS)
    unknown = best.pairs[~best.pairs["known"].astype(bool)]
    return version, pair_rows(replace(best, pairs=unknown), known, folder)
