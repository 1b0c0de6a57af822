"""The three numbers that association profiles add, and that they know visible associations only."""

import numpy as np
import pytest
import torch

from model.data.similarities import Similarities
from model.network.heads.interface import HeadOptions
from model.network.heads.propagation_gip import BatchedPropagationGip, PropagationGip
from model.training.batched.associations import DenseGraph
from tests.contracts.networks import tiny_network
from tests.contracts.trainers import batched
from tests.model.network.heads.test_propagation import positive
from tests.model.options import configuration

BLOCK = torch.tensor(tiny_network().associations, dtype=torch.float32)
SIMILARITIES = Similarities.of(tiny_network())


def smoother(similarity: np.ndarray, profiles: torch.Tensor, ridge: float) -> np.ndarray:
    squared = ((profiles[:, None] - profiles[None]) ** 2).sum(dim=2)
    gip = np.exp(-np.asarray(squared / profiles.sum(dim=1).mean()))
    kernel = (positive(similarity) + gip) / 2
    return kernel @ np.linalg.inv(kernel + ridge * np.eye(len(kernel)))


def test_they_smooth_over_the_mean_of_both_kernels() -> None:
    network, known = tiny_network(), np.asarray(BLOCK)
    found = PropagationGip(SIMILARITIES, HeadOptions(ridge=2.0))(BLOCK)
    by_row = smoother(network.row_similarity, BLOCK, 6.0)
    by_column = smoother(network.column_similarity, BLOCK.T, 0.6)
    for place, expected in enumerate(
        (by_row @ known, known @ by_column, by_row @ known @ by_column), start=9
    ):
        assert np.allclose(found[:, :, place], expected, atol=1e-4)


@pytest.mark.parametrize("visible", [BLOCK, torch.zeros_like(BLOCK), torch.ones_like(BLOCK)])
def test_the_batched_form_says_the_same(visible: torch.Tensor) -> None:
    """Also where a mask leaves nothing: all profiles are alike then, and the kernel is all 1."""
    options = HeadOptions(ridge=0.2)
    graph = DenseGraph(torch.stack((visible, BLOCK)))
    found = BatchedPropagationGip(SIMILARITIES, options)(graph)
    for replica, block in enumerate((visible, BLOCK)):
        expected = PropagationGip(SIMILARITIES, options)(block)
        assert torch.isfinite(expected).all()
        assert torch.allclose(found[replica], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("head", "reason"), [("propagation", None), ("propagation-gip", "the head propagation-gip")]
)
def test_a_solver_is_kept_out_of_cuda_graphs(head: str, reason: str | None) -> None:
    trainer = batched(configuration(**{"head.type": head}))
    trainer.device = torch.device("cuda")
    assert trainer._why_not_captured() == reason
