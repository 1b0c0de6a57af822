"""The cost structure of the published training loop, transcribed for comparison only.

What it does each epoch, and `model` does not: a DataLoader over the masked edges, sampled pairs
from PyG's `negative_sampling`, both directions of every association as edges of their own. The
layers and losses are those of `model`, so that nothing but the structure differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch_geometric.utils import degree, negative_sampling, to_undirected

from model.data.similarities import Similarities
from model.evaluation.protocols import to_node_pairs
from model.network.autoencoder import Configuration, MaskedGraphAutoencoder
from model.network.features import NodeFeatures
from model.network.masks.interface import MaskedGraph

_BATCH = 2**16  # as published: larger than any of its networks, so one batch an epoch


class PublishedLoop:
    """One model trained as the published code trains it.

    Args:
        train_pairs: (T, 2), see `model.training.plain.Trainer`.
    """

    def __init__(
        self, config: Configuration, similarities: Similarities, train_pairs: np.ndarray
    ) -> None:
        self.config = config
        self.n_nodes = similarities.n_nodes
        pairs = torch.as_tensor(to_node_pairs(train_pairs, similarities.n_rows))
        self.edges = to_undirected(pairs, num_nodes=self.n_nodes)
        features = NodeFeatures(config.features, similarities)
        self.x = features(self.edges)
        sides = (similarities.n_rows, self.n_nodes - similarities.n_rows)
        self.model = MaskedGraphAutoencoder(config, features.width, sides)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(),
            lr=config.training.learning_rate,
            weight_decay=config.training.weight_decay,
        )

    def train_epoch(self) -> Tensor:
        """One epoch; the loss of its last batch."""
        self.model.train()
        hidden = torch.rand(self.edges.shape[1]) < self.config.mask.rate
        visible = to_undirected(self.edges[:, ~hidden], num_nodes=self.n_nodes)
        masked = self.edges[:, hidden]
        sampled = negative_sampling(
            self.edges, num_nodes=self.n_nodes, num_neg_samples=masked.shape[1]
        )
        masked_degree = degree(masked[1], self.n_nodes)
        positions: Any = range(masked.shape[1])  # a sequence serves for a data set
        loader: Any = DataLoader(positions, batch_size=_BATCH, shuffle=True)
        for batch in loader:
            graph = MaskedGraph(visible, masked[:, batch], masked_degree)
            self.optimizer.zero_grad()
            loss = self.model.loss(self.x, graph, sampled[:, batch])
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(
                self.model.parameters(), self.config.training.gradient_norm
            )
            self.optimizer.step()
        return loss.detach()
