"""Kinds of another package train without a change to the project.

That they keep the contracts is seen with the recipes of CONTRIBUTING.md (`test_contributing.py`).
"""

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
