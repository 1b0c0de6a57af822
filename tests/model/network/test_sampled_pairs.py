"""Sampled pairs are unknown in training, and of the kind asked for."""

import pytest
import torch

from model.network.sampled_pairs import PairSampler, SampledPairsConfig

N_MIRNAS, N_NODES = 5, 9
PAIRS = torch.tensor([[0, 0, 1, 2, 4], [5, 8, 6, 6, 7]])


def sampler(scheme: str, per_association: int = 1) -> PairSampler:
    config = SampledPairsConfig(scheme=scheme, per_association=per_association)
    return PairSampler(config, PAIRS, N_MIRNAS, N_NODES)


@pytest.mark.parametrize("scheme", ["bipartite", "homogeneous"])
def test_never_a_training_association_and_every_other_pair(scheme: str) -> None:
    torch.manual_seed(0)
    drawn = {tuple(pair) for pair in sampler(scheme).draw(4000).T.tolist()}
    if scheme == "bipartite":
        allowed = {(i, j) for i in range(N_MIRNAS) for j in range(N_MIRNAS, N_NODES)}
    else:
        allowed = {(i, j) for i in range(N_NODES) for j in range(i + 1, N_NODES)}
    assert drawn == allowed - {tuple(pair) for pair in PAIRS.T.tolist()}


def test_ratio() -> None:
    assert sampler("bipartite", per_association=3).draw(7).shape == (2, 21)
