"""Training one model on one set of associations: the plain, readable reference.

Nothing in this file sees a held-out association: a trainer gets similarities and training
associations only. Randomness is a function of (seed, epoch) alone, so a run resumed from a
checkpoint continues exactly as if it had not been interrupted.

Shape legend: N nodes, T training associations, P pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch_geometric.utils import to_undirected

from model.data.similarities import Similarities
from model.evaluation.protocols import to_node_pairs
from model.network.autoencoder import Configuration, MaskedGraphAutoencoder
from model.network.features import NodeFeatures
from model.network.heads.evidence import Evidence
from model.network.heads.kinds import HEADS
from model.network.masks.kinds import draw_mask
from model.network.sampled_pairs import PairSampler
from model.training.seeding import seed_epoch


class Trainer:
    """One model, its optimiser and the associations it trains on.

    Args:
        config: the configuration.
        similarities: of both sides.
        train_pairs: (T, 2) int64, (row index, column index), each association once.
        seed: fixes the initial weights, masks, samples and dropout.
    """

    def __init__(
        self,
        config: Configuration,
        similarities: Similarities,
        train_pairs: np.ndarray,
        *,
        seed: int,
    ) -> None:
        self.config = config
        self.seed = seed
        self.epoch = 0
        self.device = similarities.row.device
        self.n_nodes = similarities.n_nodes
        node_pairs = to_node_pairs(train_pairs, similarities.n_rows)
        self.pairs = torch.as_tensor(node_pairs, device=self.device)
        self.edge_index = to_undirected(self.pairs, num_nodes=self.n_nodes)
        self.features = NodeFeatures(config.features, similarities)
        head = HEADS[config.head.type]
        self.evidence = Evidence(head, similarities, config.head) if head else None
        self.sampler = PairSampler(
            config.sampled_pairs, self.pairs, similarities.n_rows, self.n_nodes
        )
        seed_epoch(seed, 0)
        sides = (similarities.n_rows, self.n_nodes - similarities.n_rows)
        self.model = MaskedGraphAutoencoder(config, self.features.width, sides).to(self.device)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(),
            lr=config.training.learning_rate,
            weight_decay=config.training.weight_decay,
        )

    def train_epoch(self) -> Tensor:
        """One full-graph step: draw a mask, sample pairs, descend the gradient; the scalar loss."""
        self.epoch += 1
        seed_epoch(self.seed, self.epoch)
        self.model.train()
        graph = draw_mask(self.config.mask, self.pairs, self.n_nodes)
        if graph.masked.shape[1] == 0:  # a tiny network and a low mask rate: no loss
            return torch.zeros((), device=self.device)
        sampled = self.sampler.draw(graph.masked.shape[1])
        # Features and evidence know the visible associations only, never the masked ones.
        x, evidence = self.features(graph.visible), self._evidence(graph.visible)
        loss = self.model.loss(x, graph, sampled, evidence)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.training.gradient_norm)
        self.optimizer.step()
        return loss.detach()

    @torch.no_grad()
    def probabilities(self, node_pairs: np.ndarray) -> np.ndarray:
        """Probability of an association for (2, P) node pairs, all training associations visible.

        Returns:
            (P,) float64 in [0, 1]; NaN where training has diverged.
        """
        self.model.eval()
        z = self.model.encoder(self.features(self.edge_index), self.edge_index)
        pairs = torch.as_tensor(node_pairs, device=self.device)
        logits = self.model.logits(z, pairs, self._evidence(self.edge_index))
        return torch.sigmoid(logits.double()).cpu().numpy()

    def state(self) -> dict[str, Tensor]:
        """Weights and optimiser state as one flat mapping of tensors."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{index}.{name}": value for name, value in values.items()})
        return tensors

    def load_state(self, tensors: dict[str, Tensor], epoch: int) -> None:
        """Continue from what `state` returned after ``epoch`` epochs."""
        self.epoch = epoch
        weights: dict[str, Tensor] = {}
        adam: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            kind, name = key.split(".", 1)
            if kind == "model":
                weights[name] = value
            else:
                index, field = name.split(".", 1)
                adam.setdefault(int(index), {})[field] = value
        self.model.load_state_dict(weights)
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": adam, "param_groups": groups})

    def _evidence(self, edge_index: Tensor) -> Tensor | None:
        return self.evidence(edge_index) if self.evidence else None
