"""A network small enough for tests that look at every pair."""

import pytest

from model.data.datasets import AssociationDataset
from tests.contracts.networks import tiny_network


@pytest.fixture(scope="session")
def tiny() -> AssociationDataset:
    return tiny_network()
