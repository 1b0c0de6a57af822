"""A final model as one file that needs nothing else: to score with, to look into, to train on.

The file is safetensors, so reading it runs no code. Its tensors are the weights, the optimiser's
state, the similarities and the training associations; its metadata, as JSON, the configuration, the
names, the calibration and the hash of the data.

Shape legend: M rows, S columns, T training associations.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from model.data.datasets import AssociationDataset
from model.data.kinds import Kinds, as_record, of_record
from model.data.similarities import Similarities
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.network.autoencoder import Configuration
from model.training.final import FinalModel
from model.training.replicas import Replicas

Value = TypeVar("Value")

CHECKPOINT = "checkpoint.safetensors"
_FORMAT, _EARLIER = "mmatune final model 2", "mmatune final model 1"
_PAIRS, _ROW, _COLUMN = "train_pairs", "similarity.row", "similarity.column"
_TODAY = {  # of what earlier files call otherwise
    "similarity.mirna": _ROW,
    "similarity.small_molecule": _COLUMN,
    "mirnas": "rows",
    "small_molecules": "columns",
}
_STATE = "state."


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A final model that was read back.

    Args:
        replicas: the model, after its full budget; `Replicas.train` goes on with it.
        rows: M names, in the order of the rows of every matrix.
        columns: S names, in the order of the columns.
        kinds: what rows and columns are called.
        dataset: name of the data set.
        data_hash: of the whole data set, the sealed part included, which is not in the file.
        train_pairs: (T, 2), (row index, column index) it was trained on.
        calibration: how its scores become probabilities.
    """

    replicas: Replicas
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    kinds: Kinds
    dataset: str
    data_hash: str
    train_pairs: np.ndarray
    calibration: Calibration

    @property
    def config(self) -> Configuration:
        return self.replicas.config

    def probabilities(self) -> np.ndarray:
        """(M, S) calibrated probability of every pair; see `model.evaluation.calibration`.

        That of a training association means nothing.
        """
        unknown = np.ones((len(self.rows), len(self.columns)), dtype=bool)
        unknown[tuple(self.train_pairs.T)] = False
        return self.calibration.probabilities(self.replicas.every_pair(0), unknown)


def checkpoint(final: FinalModel, dataset: AssociationDataset) -> bytes:
    """The content of a checkpoint file.

    Args:
        dataset: the whole one, whose hash is written down; of its associations only those that the
            model was trained on are kept.
    """
    metadata = {
        "format": _FORMAT,
        "configuration": json.dumps(final.config.dotted()),
        "dataset": dataset.name,
        "data_hash": dataset.content_hash,
        "kinds": json.dumps(as_record(dataset.kinds)),
        "rows": json.dumps(dataset.rows),
        "columns": json.dumps(dataset.columns),
        "seed": str(final.seed),
        "epoch": str(final.config.training.epochs),
        "calibration": json.dumps(asdict(final.calibration)),
    }
    tensors = {_STATE + name: value for name, value in final.state.items()}
    tensors[_PAIRS] = torch.tensor(np.ascontiguousarray(final.train_pairs))
    tensors[_ROW] = final.similarities.row.contiguous()
    tensors[_COLUMN] = final.similarities.column.contiguous()
    return save(tensors, metadata=metadata)


def load_checkpoint(path: str | Path, device: str = "cpu") -> TrainedModel:
    """Read a checkpoint file, such as `mmatune pull` leaves in ``artifacts/``.

    Raises:
        InputError: there is no such file, it is no checkpoint, or it is of another version.
    """
    try:
        with safe_open(Path(path), framework="pt") as file:
            about = _renamed(file.metadata() or {})
            tensors = _renamed({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from error
    if about.get("format") not in (_FORMAT, _EARLIER):
        raise InputError(
            "it is no final model of this version",
            where=str(path),
            hint=f"a pulled model has one in artifacts/{CHECKPOINT}",
        )
    similarities = Similarities(tensors[_ROW].to(device), tensors[_COLUMN].to(device))
    train_pairs = tensors[_PAIRS].numpy()
    replicas = Replicas(
        Configuration.from_dotted(json.loads(about["configuration"])),
        similarities,
        [train_pairs],
        [int(about["seed"])],
    )
    state = {
        name.removeprefix(_STATE): value
        for name, value in tensors.items()
        if name.startswith(_STATE)
    }
    replicas.trainer.load_state(state, int(about["epoch"]))
    return TrainedModel(
        replicas=replicas,
        rows=tuple(json.loads(about["rows"])),
        columns=tuple(json.loads(about["columns"])),
        kinds=of_record(about.get("kinds")),
        dataset=about["dataset"],
        data_hash=about["data_hash"],
        train_pairs=train_pairs,
        calibration=TypeAdapter(Calibration).validate_json(about["calibration"]),
    )


def _renamed(named: dict[str, Value]) -> dict[str, Value]:
    return {_TODAY.get(name, name): value for name, value in named.items()}
