"""Masking: what is hidden is hidden, in both directions, at the rate asked for."""

import pytest
import torch

from model.masking import MaskConfig, draw_mask

N_NODES = 60
# 400 associations of a 20 x 40 network, each once, miRNA first.
PAIRS = torch.cartesian_prod(torch.arange(20), torch.arange(20, 40)).T
FLIPPED = PAIRS.flip(0)


def as_set(pairs: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(pair) for pair in pairs.T.tolist()}


def test_undirected_masking_splits_the_associations() -> None:
    torch.manual_seed(0)
    graph = draw_mask(MaskConfig(rate=0.3, scheme="undirected"), PAIRS, N_NODES)
    visible, masked = as_set(graph.visible), as_set(graph.masked)
    assert visible == {(j, i) for i, j in visible}
    assert masked | {pair for pair in visible if pair[0] < pair[1]} == as_set(PAIRS)
    assert not masked & visible


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
