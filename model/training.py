"""Training one model on one set of associations: the plain, readable reference.

Nothing in this file sees a held-out association: a trainer gets features and training
associations only. Randomness is a function of (seed, epoch) alone, so a run resumed from a
checkpoint goes on exactly as the undisturbed one.

Shape legend: N nodes, F features per node, T training associations, P pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch_geometric.utils import to_undirected

from model.autoencoder import Configuration, MaskedGraphAutoencoder
from model.masking import draw_mask
from model.sampling import PairSampler


class Trainer:
    """One model, its optimiser and the associations it trains on.

    Args:
        config: the configuration.
        features: (N, F) float32.
        train_pairs: (T, 2) int64, (miRNA index, small molecule index), each association once.
        n_mirnas: nodes 0..n_mirnas-1 are miRNAs, the others small molecules.
        seed: fixes the initial weights, masks, samples and dropout.
        device: torch device name.
    """

    def __init__(
        self,
        config: Configuration,
        features: np.ndarray,
        train_pairs: np.ndarray,
        n_mirnas: int,
        *,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.seed = seed
        self.epoch = 0
        self.x = torch.as_tensor(features, device=device)
        self.pairs = torch.as_tensor(train_pairs.T + [[0], [n_mirnas]], device=device)
        self.edge_index = to_undirected(self.pairs, num_nodes=len(self.x))
        self.sampler = PairSampler(config.sampled_pairs, self.pairs, n_mirnas, len(self.x))
        self._seed_epoch()
        self.model = MaskedGraphAutoencoder(config, self.x.shape[1]).to(device)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(),
            lr=config.training.learning_rate,
            weight_decay=config.training.weight_decay,
        )

    def train_epoch(self) -> Tensor:
        """One full-graph step: draw a mask and sampled pairs, descend; the loss as a scalar."""
        self.epoch += 1
        self._seed_epoch()
        self.model.train()
        graph = draw_mask(self.config.mask, self.pairs, len(self.x))
        if graph.masked.shape[1] == 0:  # a tiny network and a low mask rate: nothing to learn from
            return torch.zeros((), device=self.x.device)
        loss = self.model.loss(self.x, graph, self.sampler.draw(graph.masked.shape[1]))
        self.optimizer.zero_grad()
        loss.backward()
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
        z = self.model.encoder(self.x, self.edge_index)
        logits = self.model.edge_decoder(z, torch.as_tensor(node_pairs, device=self.x.device))
        return torch.sigmoid(logits.double()).cpu().numpy()

    def state(self) -> dict[str, Tensor]:
        """Weights and optimiser state as one flat mapping of tensors."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{index}.{name}": value for name, value in values.items()})
        return tensors

    def load_state(self, tensors: dict[str, Tensor], epoch: int) -> None:
        """Go on from what `state` gave after ``epoch`` epochs."""
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

    def _seed_epoch(self) -> None:
        # One stream for each (seed, epoch): no generator state has to be saved or restored.
        sequence = np.random.SeedSequence([self.seed, self.epoch])
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
