"""The options of the propagation head change what they say, in both of its forms."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from model.data.similarities import Similarities
from model.network.heads.interface import HeadOptions
from model.network.heads.propagation import BatchedPropagation, Propagation
from model.training.batched.associations import DenseGraph
from tests.contracts.networks import tiny_network

BLOCK = torch.tensor(tiny_network().associations, dtype=torch.float32)


def numbers(**options: float) -> np.ndarray:
    made = Propagation(Similarities.of(tiny_network()), HeadOptions(**options))
    return np.asarray(made(BLOCK))


def positive(similarity: np.ndarray) -> np.ndarray:
    """Without its negative part: (S + |S|) / 2."""
    return (similarity + np.real(sqrtm(similarity @ similarity))) / 2


def smoother(similarity: np.ndarray, ridge: float) -> np.ndarray:
    kernel = positive(similarity)
    return np.linalg.solve(kernel + ridge * np.eye(len(kernel)), kernel)


def nearest(similarity: np.ndarray, neighbours: int, power: int) -> np.ndarray:
    weights = np.zeros_like(similarity)
    for i, row in enumerate(similarity):
        others = sorted((j for j in range(len(row)) if j != i), key=lambda j: -row[j])[:neighbours]
        weights[i, others] = row[others] ** power
    return weights / weights.sum(axis=1, keepdims=True)


def test_one_scale_is_of_all_ridges() -> None:
    network = tiny_network()
    found = numbers(ridge=3.0)
    for place, ridge in ((0, 3.0), (1, 15.0)):
        expected = smoother(network.row_similarity, ridge) @ np.asarray(BLOCK)
        assert np.allclose(found[:, :, place], expected, atol=1e-5)
    expected = np.asarray(BLOCK) @ smoother(network.column_similarity, 0.3 * 3.0)
    assert np.allclose(found[:, :, 2], expected, atol=1e-5)


@pytest.mark.parametrize(("neighbours", "power"), [(2, 4), (3, 1), (50, 4)])
def test_so_many_neighbours_weigh_by_that_power(neighbours: int, power: int) -> None:
    network = tiny_network()
    found = numbers(neighbours=neighbours, neighbour_power=power)
    expected = nearest(network.row_similarity, neighbours, power) @ np.asarray(BLOCK)
    assert np.allclose(found[:, :, 3], expected, atol=1e-5)
    expected = nearest(network.column_similarity, neighbours, power) @ np.asarray(BLOCK).T
    assert np.allclose(found[:, :, 4], expected.T, atol=1e-5)


def test_the_defaults_are_what_every_recorded_model_was_made_with() -> None:
    assert np.array_equal(numbers(), numbers(ridge=1.0, neighbours=50, neighbour_power=4))


def test_the_batched_form_takes_the_options() -> None:
    options = HeadOptions(ridge=0.2, neighbours=2, neighbour_power=2)
    similarities = Similarities.of(tiny_network())
    found = BatchedPropagation(similarities, options)(DenseGraph(BLOCK[None]))[0]
    assert torch.allclose(found, Propagation(similarities, options)(BLOCK), atol=1e-5)
    assert not np.allclose(found, numbers(), atol=1e-2)
