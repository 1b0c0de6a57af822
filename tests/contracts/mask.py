"""The contract of a masking scheme: an entry of `MASKS`."""

import numpy as np
import torch

from model.network.masks.kinds import MASKS, MaskConfig, draw_mask
from tests.contracts.kind import KindContract
from tests.contracts.networks import tiny_network
from tests.contracts.trainers import batched, parts, plain

# 400 associations of a 20 x 40 network, each once, miRNA first.
PAIRS = torch.cartesian_prod(torch.arange(20), torch.arange(20, 40)).T
N_NODES = 60


def as_set(pairs: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(pair) for pair in pairs.T.tolist()}


class MaskContract(KindContract):
    option = "mask.scheme"

    def test_a_draw_splits_the_associations(self, kind: str) -> None:
        torch.manual_seed(0)
        graph = draw_mask(MaskConfig(rate=0.3, scheme=kind), PAIRS, N_NODES)
        visible, masked, known = map(as_set, (graph.visible, graph.masked, PAIRS))
        assert masked
        assert visible == {(j, i) for i, j in visible}
        assert graph.visible.shape[1] == len(visible)
        assert masked | {pair for pair in visible if pair[0] < pair[1]} == known
        if MASKS[kind].hides:
            assert not masked & visible
        assert graph.masked_degree.shape == (N_NODES,)
        assert (graph.masked_degree[40:] == 0).all()

    def test_a_batched_draw_splits_the_associations_of_every_replica(self, kind: str) -> None:
        mask = batched(self.config(kind)).draw_mask(torch.Generator().manual_seed(0))
        for replica, pairs in enumerate(parts()):
            used = mask.weight[replica] > 0
            ends = torch.stack((mask.first[replica], mask.second[replica] - 12))[:, used]
            masked, known = as_set(ends), set(map(tuple, pairs.tolist()))
            visible = as_set(mask.visible.block[replica].nonzero().T)
            assert masked | visible == known
            if MASKS[kind].hides:
                assert len(masked) == used.sum()
                assert not masked & visible

    def test_places_are_fixed(self, kind: str) -> None:
        """Nothing waits to learn how many associations a draw has masked."""
        many = batched(self.config(kind))
        drawn = [many.draw_mask(torch.Generator().manual_seed(seed)) for seed in range(20)]
        assert len({mask.first.shape for mask in drawn}) == 1
        assert {float(w) for mask in drawn for w in mask.weight.unique()} <= {0.0, 1.0}

    def test_batched_draws_have_the_statistics_of_plain_ones(self, kind: str) -> None:
        """Mean number of masked pairs, of visible associations and of masked degrees."""
        config = self.config(kind, **{"mask.rate": 0.3})
        many, single = batched(config), plain(config, 0)
        generator = torch.Generator().manual_seed(0)
        torch.manual_seed(0)
        n_rows, n_nodes = len(tiny_network().rows), single.n_nodes
        seen, expected = [], []
        for _ in range(400):
            mask = many.draw_mask(generator)
            degree = mask.masked_degree[0, :n_rows].sum()
            seen.append([mask.weight[0].sum(), mask.visible.block[0].sum(), degree])
            graph = draw_mask(config.mask, single.pairs, n_nodes)
            degree = graph.masked_degree[:n_rows].sum()
            expected.append([graph.masked.shape[1], graph.visible.shape[1] / 2, degree])
        samples = np.array([seen, expected], dtype=float)
        standard_error = np.sqrt(samples.var(axis=1).sum(axis=0) / samples.shape[1])
        difference = np.abs(np.diff(samples.mean(axis=1), axis=0)[0])
        assert (difference <= 4 * standard_error).all(), (difference, standard_error)
