"""Kinds of another package keep the contracts and train, without a change to the project."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model.errors import InputError
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from model.training.cross_validation import CrossValidation
from tests.contracts import somebody_elses
from tests.contracts.networks import tiny_network
from tests.contracts.outside import NETWORK_KINDS, installed
from tests.model.options import TABLES, configuration

ROOT = Path(__file__).resolve().parents[2]
# What its author writes to test a kind.
THEIR_TEST = """
import pytest
from tests.contracts.edge_decoder import EdgeDecoderContract
from tests.contracts.encoder import EncoderContract
from tests.contracts.head import HeadContract
from tests.contracts.mask import MaskContract

@pytest.mark.parametrize("kind", ["outside"])
class TestEncoder(EncoderContract): ...

@pytest.mark.parametrize("kind", ["outside"])
class TestEdgeDecoder(EdgeDecoderContract): ...

@pytest.mark.parametrize("kind", ["outside"])
class TestHead(HeadContract): ...

@pytest.mark.parametrize("kind", ["outside"])
class TestMask(MaskContract): ...
"""


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    with installed(tmp_path, somebody_elses, NETWORK_KINDS, TABLES.values()):
        yield tmp_path


def test_a_model_of_outside_kinds_trains_and_is_saved(outside: Path) -> None:
    config = configuration(**dict.fromkeys(TABLES, "outside"))
    assert Configuration.from_dotted(config.dotted()) == config
    dataset = tiny_network()
    folds = development_folds(dataset, HONEST, seed=0)
    validation = CrossValidation(config, dataset, folds, seed=0)
    assert np.isfinite(validation.train(2))
    aucs = [fold["auc"] for fold in validation.evaluate().folds]
    assert np.isfinite(aucs).all()
    validation.save(outside)
    again = CrossValidation(config, dataset, folds, seed=0)
    again.load(outside)
    assert [fold["auc"] for fold in again.evaluate().folds] == aucs


def test_they_are_gone_with_their_package(tmp_path: Path) -> None:
    with installed(tmp_path, somebody_elses, NETWORK_KINDS, TABLES.values()):
        assert all("outside" in table for table in TABLES.values())
    for option in TABLES:
        with pytest.raises(InputError, match="should be one of") as raised:
            configuration(**{option: "outside"})
        assert raised.value.where == option


@pytest.mark.heavy
def test_they_keep_the_contracts(outside: Path) -> None:
    """In a process of its own, as their author runs it."""
    file = outside / "test_outside_kinds.py"
    file.write_text(THEIR_TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={outside}"]
        + [str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
