"""A finished model as files: the scorer, its table of scores, and what it takes to load them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.data.datasets import AssociationDataset
from tuning.registry.model_card import ModelCard
from tuning.registry.reliability_figure import reliability_figure

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature


def log_model(
    client: MlflowClient,
    run_id: str,
    dataset: AssociationDataset,
    probability: np.ndarray,
    card: ModelCard,
    checkpoints: Mapping[str, bytes],
) -> LoggedModel:
    """Store the scorer, its table and the trained model itself as a logged model of the run.

    Uses the client throughout: `mlflow.pyfunc.log_model` would need a global tracking address and
    an active run, and would end the run that is still the study's.
    """
    import mlflow
    import pandas as pd
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    logged = client.create_logged_model(
        client.get_run(run_id).info.experiment_id,
        name="scorer",
        source_run_id=run_id,
        params={key: str(value) for key, value in card.configuration.items()},
        model_type="pair scorer",
    )
    first, second = (kind.key for kind in dataset.kinds)
    example = pd.DataFrame({first: [dataset.rows[0]], second: [dataset.columns[0]]})
    # The model file records where its parts came from: a passing folder, not the user's own paths.
    with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
        parts, saved = Path(folder, "parts"), Path(folder, "model")
        parts.mkdir()
        np.savez_compressed(
            parts / "scores.npz",
            probability=np.asarray(probability, dtype=np.float32),
            known=dataset.associations.astype(np.uint8),
        )
        names = {
            "kinds": [{**asdict(kind), "key": kind.key} for kind in dataset.kinds],
            "rows": list(dataset.rows),
            "columns": list(dataset.columns),
        }
        (parts / "names.json").write_text(json.dumps(names), encoding="utf-8")
        artifacts = {"scores": str(parts / "scores.npz"), "names": str(parts / "names.json")}
        for (
            file,
            content,
        ) in checkpoints.items():  # for whoever wants to train on; scorers need none
            (parts / file).write_bytes(content)
            artifacts[file.removesuffix(".safetensors")] = str(parts / file)
        shutil.copy(Path(__file__).with_name("scorer.py"), parts)
        mlflow.pyfunc.save_model(
            saved,
            python_model=str(parts / "scorer.py"),
            artifacts=artifacts,
            signature=_signature((first, second)),
            input_example=example,
            pip_requirements=[
                f"{package}=={version(package)}" for package in ("mlflow-skinny", "numpy", "pandas")
            ],
            mlflow_model=Model(run_id=run_id, model_uuid=logged.model_id, model_id=logged.model_id),
        )
        client.log_model_artifacts(logged.model_id, str(saved))
    client.log_dict(run_id, asdict(card.calibration), "calibration.json")
    if card.calibration.reliability:
        client.log_figure(
            run_id, reliability_figure(card.calibration.reliability), "reliability.png"
        )
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def _signature(names: tuple[str, str]) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    from tuning.registry.scorer import TOP

    return ModelSignature(
        inputs=Schema([ColSpec("string", name, required=False) for name in names]),
        outputs=Schema(
            [
                *(ColSpec("string", name) for name in names),
                ColSpec("float", "probability"),
                ColSpec("long", "rank", required=False),
                ColSpec("boolean", "known"),
            ]
        ),
        params=ParamSchema([ParamSpec("top", "long", TOP)]),
    )
