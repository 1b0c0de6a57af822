"""The batched trainer beside its reference, the plain one, on the same associations."""

import numpy as np
import torch
from torch_geometric.utils import to_undirected

from model.data.similarities import Similarities
from model.network.autoencoder import Configuration
from model.network.masks.interface import Mask, MaskedGraph
from model.training.batched.sampled_pairs import SampledPairs
from model.training.batched.trainer import BatchedTrainer
from model.training.plain import Trainer
from tests.contracts.networks import tiny_network

SEEDS = (3, 7, 7)
# The two trainers draw dropout differently, so it is off where their losses are compared.
STILL = {"encoder.dropout": 0, "edge_decoder.dropout": 0, "degree_decoder.dropout": 0}


def parts() -> list[np.ndarray]:
    """Three replicas' training associations of the tiny network, of different numbers."""
    pairs = tiny_network().association_pairs
    return [pairs, pairs[: len(pairs) // 2], pairs[5:]]


def batched(config: Configuration) -> BatchedTrainer:
    return BatchedTrainer(config, Similarities.of(tiny_network()), parts(), SEEDS)


def plain(config: Configuration, replica: int) -> Trainer:
    similarities = Similarities.of(tiny_network())
    return Trainer(config, similarities, parts()[replica], seed=SEEDS[replica])


def same_weights(single: Trainer, many: BatchedTrainer, replica: int) -> None:
    weights = {name: value.detach()[replica] for name, value in many.parameters.items()}
    weights |= {name: value[replica] for name, value in many.statistics.items()}
    unread = single.model.load_state_dict(weights, strict=False)
    assert not unread.unexpected_keys
    assert all("num_batches" in name for name in unread.missing_keys)


def of_replica(mask: Mask, sampled: SampledPairs, replica: int) -> tuple[MaskedGraph, torch.Tensor]:
    """What the plain model reads: the pairs of weight 1, the block as edges."""
    row, column = mask.visible.block[replica].nonzero().T
    n_nodes = mask.masked_degree.shape[1]
    ends = torch.stack((row, column + mask.visible.n_rows))
    masked, drawn = (
        torch.stack((pairs.first[replica], pairs.second[replica]))[:, pairs.weight[replica] > 0]
        for pairs in (mask, sampled)
    )
    edges = to_undirected(ends, num_nodes=n_nodes)
    return MaskedGraph(edges, masked, mask.masked_degree[replica]), drawn
