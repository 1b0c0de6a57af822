"""Masking: what is hidden is hidden, in both directions, at the rate asked for."""

import pytest
import torch

from model.network.masks.kinds import MaskConfig, draw_mask
from tests.contracts.mask import N_NODES, PAIRS, as_set


def test_per_direction_masking_leaves_reverses_visible() -> None:
    """As published: about 1 - p of the masked directions can be seen the other way round."""
    torch.manual_seed(0)
    config = MaskConfig(rate=0.4, scheme="per_direction")
    graph = draw_mask(config, PAIRS, N_NODES)
    visible = as_set(graph.visible)
    seen = [tuple(pair) in visible for pair in graph.masked.T.tolist()]
    assert sum(seen) / len(seen) == pytest.approx(0.6, abs=0.06)
    assert (graph.masked[0] < graph.masked[1]).all()


@pytest.mark.parametrize("scheme", ["undirected", "per_direction"])
@pytest.mark.parametrize("rate", [0.1, 0.4, 0.8])
def test_rate(scheme: str, rate: float) -> None:
    torch.manual_seed(1)
    config = MaskConfig(rate=rate, scheme=scheme)
    drawn = [draw_mask(config, PAIRS, N_NODES).masked.shape[1] for _ in range(50)]
    of = PAIRS.shape[1] * (2 if scheme == "per_direction" else 1)
    assert sum(drawn) / 50 / of == pytest.approx(rate, abs=0.015)


@pytest.mark.parametrize("scheme", ["undirected", "per_direction"])
def test_masked_degree_counts_what_was_masked(scheme: str) -> None:
    torch.manual_seed(2)
    graph = draw_mask(MaskConfig(rate=0.5, scheme=scheme), PAIRS, N_NODES)
    # Two ends for an association; one target for a direction.
    ends = 2 if scheme == "undirected" else 1
    assert graph.masked_degree.sum() == ends * graph.masked.shape[1]
    assert (graph.masked_degree[40:] == 0).all()
    if scheme == "undirected":
        assert graph.masked_degree[3] == (graph.masked == 3).sum()


def test_path_masking_hides_connected_walks() -> None:
    """What a walk crosses is connected, and no more than starts times steps are hidden."""
    torch.manual_seed(3)
    config = MaskConfig(rate=0.05, scheme="path", walk_length=3)
    graphs = [draw_mask(config, PAIRS, N_NODES) for _ in range(40)]
    masked = [graph.masked.shape[1] for graph in graphs]
    # 40 of 60 nodes have neighbours: 2 walks of up to 3 associations on average.
    assert 3 < sum(masked) / 40 < 6


def test_path_masking_on_a_chain_follows_the_chain() -> None:
    """0 - 3 - 1 - 4 - 2: one walk of two steps hides one association or two neighbouring ones."""
    chain = torch.tensor([[0, 1, 1, 2], [3, 3, 4, 4]])
    neighbouring = [{(0, 3), (1, 3)}, {(1, 3), (1, 4)}, {(1, 4), (2, 4)}]
    config = MaskConfig(rate=0.01, scheme="path", walk_length=2)
    seen = 0
    for seed in range(400):
        torch.manual_seed(seed)
        masked = as_set(draw_mask(config, chain, 5).masked)
        if masked and len(masked) <= 2:
            seen += 1
            assert len(masked) == 1 or masked in neighbouring
    assert seen > 5
