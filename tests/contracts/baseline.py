"""The contract of a baseline: an entry of `BASELINES`.

A contract is a class of tests that asks for ``kind``, a name of its table. Give it the names:

    @pytest.mark.parametrize("kind", ["mine"])
    class TestMine(BaselineContract): ...
"""

import numpy as np
import pytest

from model.baselines.registry import BASELINES
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import COLD_ROWS, HONEST, Fold, Protocol, development_folds
from tests.contracts.leaks import flipped
from tests.contracts.networks import tiny_network

# Under the second, whole miRNAs have no training association.
UNDER = pytest.mark.parametrize("protocol", [HONEST, COLD_ROWS], ids=lambda one: one.name)


class BaselineContract:
    def folds(self, protocol: Protocol) -> tuple[AssociationDataset, tuple[Fold, ...]]:
        dataset = tiny_network()
        return dataset, development_folds(dataset, protocol, seed=0)[:2]

    @UNDER
    def test_every_pair_has_a_finite_score(self, kind: str, protocol: Protocol) -> None:
        dataset, folds = self.folds(protocol)
        for fold in folds:
            scores = BASELINES[kind](dataset, fold)
            assert scores.shape == dataset.associations.shape
            assert np.isfinite(scores).all()
            assert len(np.unique(scores)) > 1

    def test_it_is_deterministic(self, kind: str) -> None:
        dataset, folds = self.folds(HONEST)
        first, second = (BASELINES[kind](dataset, folds[0]) for _ in range(2))
        assert np.array_equal(first, second)

    @UNDER
    def test_held_out_associations_cannot_reach_it(self, kind: str, protocol: Protocol) -> None:
        dataset, folds = self.folds(protocol)
        for fold in folds:
            changed = flipped(dataset, fold)
            assert (changed.associations != dataset.associations).sum() > 20
            scores = BASELINES[kind](dataset, fold)
            assert np.array_equal(scores, BASELINES[kind](changed, fold))

    def test_it_reads_the_training_associations(self, kind: str) -> None:
        dataset, (one, other) = self.folds(HONEST)
        assert not np.array_equal(BASELINES[kind](dataset, one), BASELINES[kind](dataset, other))

    def test_its_name_fits_the_leaderboard(self, kind: str) -> None:
        assert len(kind) <= 28
