"""Many models of one configuration trained as one; `model.training` is the plain, readable way.

Every tensor has a leading replica dimension, and replicas share nothing but the data: each has its
own weights, optimiser state, mask, samples and dropout. Randomness is a function of (seeds, epoch)
of the whole batch, so a resumed run goes on exactly as the undisturbed one; the same replica in
another batch draws other masks.

Shape legend: B replicas, M miRNAs, S small molecules, N nodes, P pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from model.autoencoder import Configuration, MaskedGraphAutoencoder
from model.batched.decoding import block_logits, degrees, pair_logits
from model.batched.encoder import encode
from model.batched.evidence import BatchedPropagation
from model.batched.features import BatchedFeatures
from model.batched.graph import Mask, TrainingGraph, VisibleGraph
from model.batched.sampling import PairSampler, SampledPairs
from model.similarities import Similarities
from model.training import seed_epoch

_PAIRS_AT_ONCE = 200_000  # scored in evaluation: bounds the memory of an MLP's hidden layer


class BatchedTrainer:
    """B models of one configuration, and what each trains on.

    Args:
        config: the configuration.
        similarities: of both sides.
        train_pairs: B arrays (T_b, 2) int64, (miRNA index, small molecule index).
        seeds: B; fix initial weights, masks, samples and dropout.
    """

    def __init__(
        self,
        config: Configuration,
        similarities: Similarities,
        train_pairs: Sequence[np.ndarray],
        seeds: Sequence[int],
    ) -> None:
        self.config = config
        self.seeds = tuple(seeds)
        self.epoch = 0
        self.device = similarities.mirna.device
        self.sides = (similarities.n_mirnas, similarities.n_nodes - similarities.n_mirnas)
        self.graph = TrainingGraph(config.mask, train_pairs, self.sides, self.device)
        self.features = BatchedFeatures(config.features, similarities)
        self.propagation = BatchedPropagation(similarities) if config.head.type != "none" else None
        self.sampler = PairSampler(config.sampled_pairs, self.graph)
        self.parameters, self.statistics = self._initial()
        self.optimizer = torch.optim.Adam(
            self.parameters.values(),
            lr=config.training.learning_rate,
            weight_decay=config.training.weight_decay,
            fused=True,
        )
        self._generator = Generator(self.device)
        self._embedded: tuple[Tensor, Tensor | None] | None = None

    def train_epoch(self) -> Tensor:
        """One full-graph step of every replica; their losses, (B,)."""
        self.epoch += 1
        self._embedded = None
        generator = self._seeded()
        mask = self.graph.draw(generator)
        losses = self.losses(mask, self.sampler.draw(mask, generator), generator)
        self.optimizer.zero_grad()
        losses.sum().backward()  # a replica's loss moves its own weights only
        self._clip()
        self.optimizer.step()
        return losses.detach()

    def losses(self, mask: Mask, sampled: SampledPairs, generator: Generator | None) -> Tensor:
        """(B,) equation 6 of each replica, see `MaskedGraphAutoencoder.loss`.

        Args:
            generator: of the dropout; None for none.
        """
        z, evidence = self._encode(mask.visible, generator)
        decode = (self.config, self.parameters, z)
        if sampled.every_pair:
            unknown = block_logits(*decode, evidence, self.sides, generator)
            masked = unknown.gather(1, mask.first * self.sides[1] + mask.second - self.sides[0])
        else:
            first = torch.cat((mask.first, sampled.first), dim=1)
            second = torch.cat((mask.second, sampled.second), dim=1)
            logits = pair_logits(*decode, (first, second), evidence, self.sides, generator)
            masked, unknown = logits.split((mask.first.shape[1], sampled.first.shape[1]), dim=1)
        loss = _mean(-logsigmoid(masked), mask.weight) + _mean(
            -logsigmoid(-unknown), sampled.weight
        )
        alpha = self.config.degree_decoder.alpha
        if alpha == 0:
            return loss
        predicted = degrees(self.config.degree_decoder, self.parameters, z, generator)
        return loss + alpha * ((predicted - mask.masked_degree) ** 2).mean(dim=1)

    @torch.no_grad()
    def probabilities(self, replicas: slice, node_pairs: np.ndarray) -> np.ndarray:
        """Probability of an association, all training associations visible.

        Args:
            replicas: which; b of them.
            node_pairs: (2, P), the same for all of them.

        Returns:
            (b, P) float64 in [0, 1]; NaN where training has diverged.
        """
        if self._embedded is None:
            self._embedded = self._encode(self.graph.all_visible, None)
        z, evidence = self._embedded
        z, evidence = z[replicas], None if evidence is None else evidence[replicas]
        parameters = {name: value[replicas] for name, value in self.parameters.items()}
        pairs = torch.as_tensor(node_pairs, device=self.device)
        parts = []
        for part in pairs.split(max(1, _PAIRS_AT_ONCE // len(z)), dim=1):
            first, second = (row.expand(len(z), -1) for row in part)
            logits = pair_logits(
                self.config, parameters, z, (first, second), evidence, self.sides, None
            )
            parts.append(torch.sigmoid(logits.double()))
        return torch.cat(parts, dim=1).cpu().numpy()

    def state(self) -> dict[str, Tensor]:
        """Weights, batch-norm statistics and optimiser state; each with a leading B."""
        tensors = {f"model.{name}": value for name, value in self.parameters.items()}
        tensors.update({f"statistics.{name}": value for name, value in self.statistics.items()})
        of_parameter = self.optimizer.state
        for name, parameter in self.parameters.items():
            for field, value in of_parameter[parameter].items():
                tensors[f"adam.{field}.{name}"] = value
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    @torch.no_grad()
    def load_state(self, tensors: dict[str, Tensor], epoch: int) -> None:
        """Go on from what `state` gave after ``epoch`` epochs."""
        self.epoch = epoch
        self._embedded = None
        for key, value in tensors.items():
            kind, name = key.split(".", 1)
            if kind == "adam":
                field, name = name.split(".", 1)
                self.optimizer.state[self.parameters[name]][field] = value.to(self.device)
            else:
                own = self.parameters if kind == "model" else self.statistics
                own[name].copy_(value)

    def _encode(
        self, graph: VisibleGraph, generator: Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Embeddings and the head's evidence: both know the visible associations only."""
        z = encode(
            self.config.encoder,
            self.parameters,
            self.statistics,
            self.features(graph),
            graph,
            generator,
        )
        return z, self.propagation(graph) if self.propagation else None

    def _initial(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the plain models of these seeds start with: weights, running statistics."""
        states = []
        for seed in self.seeds:
            seed_epoch(seed, 0)
            model = MaskedGraphAutoencoder(self.config, self.features.width, self.sides)
            states.append((dict(model.named_parameters()), dict(model.named_buffers())))
        parameters, statistics = (
            {
                name: torch.stack([state[kind][name].detach() for state in states]).to(self.device)
                for name in states[0][kind]
                if "num_batches" not in name
            }
            for kind in (0, 1)
        )
        return {name: value.requires_grad_() for name, value in parameters.items()}, statistics

    @torch.no_grad()
    def _clip(self) -> None:
        """Scale each replica's gradient to the norm it may have."""
        gradients = [
            parameter.grad for parameter in self.parameters.values() if parameter.grad is not None
        ]
        rows = [gradient.reshape(len(self.seeds), -1) for gradient in gradients]
        norm = torch.linalg.vector_norm(
            torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows]), dim=0
        )
        scale = (self.config.training.gradient_norm / (norm + 1e-6)).clamp(max=1)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))

    def _seeded(self) -> Generator:
        sequence = np.random.SeedSequence([*self.seeds, self.epoch])
        self._generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
        return self._generator


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """(B,) weighted mean of (B, P); 0 where no weight is."""
    return (values * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
