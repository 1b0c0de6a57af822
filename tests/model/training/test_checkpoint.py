"""A final model written to one file and read back, where nothing but `model` is at hand."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.fresh_splits import development_part
from model.evaluation.protocols import HONEST, development_folds, development_pairs, sealed_fold
from model.network.autoencoder import Configuration
from model.training.checkpoint import CHECKPOINT, checkpoint, load_checkpoint
from model.training.final import FinalModel, final_model, refit, to_hand_out
from model.training.replicas import Replicas
from tests.model.options import SMALL

ROOT = Path(__file__).resolve().parents[3]
CONFIG = Configuration.from_dotted(
    {**SMALL, "training.epochs": 6, "training.seeds": 2, "head.type": "propagation"}
    | {"features.associations": "gip", "encoder.dropout": 0.1 + 0.2}
)


@pytest.fixture(scope="module")
def final(tiny: AssociationDataset) -> FinalModel:
    part = development_part(tiny, HONEST, 0)
    folds = development_folds(tiny, HONEST, 0)
    return final_model(CONFIG, part, folds, development_pairs(tiny, HONEST, 0), seed=3)


@pytest.fixture
def file(final: FinalModel, tiny: AssociationDataset, tmp_path: Path) -> Path:
    path = tmp_path / CHECKPOINT
    path.write_bytes(checkpoint(final, tiny))
    return path


def test_it_gives_the_probabilities_it_was_registered_with(
    file: Path, final: FinalModel, tiny: AssociationDataset
) -> None:
    read = load_checkpoint(file)
    assert np.array_equal(read.probabilities(), final.probability)
    assert read.config == to_hand_out(CONFIG) == final.config
    assert (read.rows, read.columns) == (tiny.rows, tiny.columns)
    assert (read.dataset, read.data_hash) == (tiny.name, tiny.content_hash)
    assert read.calibration == final.calibration


def test_it_is_the_whole_training_state(
    file: Path, final: FinalModel, tiny: AssociationDataset
) -> None:
    """Three epochs more from the file are those of a training that was never written down."""
    read = load_checkpoint(file).replicas
    whole = Replicas(final.config, final.similarities, [final.train_pairs], [final.seed])
    whole.train(CONFIG.training.epochs)
    assert read.train(3) == whole.train(3)
    assert np.array_equal(read.every_pair(0), whole.every_pair(0))


def test_the_sealed_part_is_not_in_it(file: Path, tiny: AssociationDataset) -> None:
    sealed = sealed_fold(tiny, HONEST, 0).held_out - [[0], [len(tiny.rows)]]
    trained_on = set(map(tuple, load_checkpoint(file).train_pairs.tolist()))
    assert trained_on
    assert not trained_on & set(map(tuple, sealed.T.tolist()))


def test_a_model_trained_on_everything_reads_back_too(
    final: FinalModel, tiny: AssociationDataset, tmp_path: Path
) -> None:
    path = tmp_path / CHECKPOINT
    made = refit(final, tiny)
    path.write_bytes(checkpoint(made, tiny))
    read = load_checkpoint(path)
    assert np.array_equal(read.train_pairs, tiny.association_pairs)
    assert np.array_equal(read.probabilities(), made.probability)


ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tuning", "search_spaces", "ray", "optuna", "mlflow"}:
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, sys.argv[1])
from model.training.checkpoint import load_checkpoint
print(repr(float(load_checkpoint(sys.argv[2]).probabilities().sum())))
"""


@pytest.mark.heavy
def test_model_alone_reads_it(file: Path, final: FinalModel, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(ROOT), str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(final.probability.sum(), abs=1e-6)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    other: Any = {"a": np.zeros(2)}
    save_file(other, tmp_path / "other.safetensors")
    (tmp_path / "text").write_text("no checkpoint")
    for name, said in (("other.safetensors", "no final model"), ("text", "cannot be read")):
        with pytest.raises(InputError, match=said):
            load_checkpoint(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load_checkpoint(tmp_path / "missing")
