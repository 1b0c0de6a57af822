"""Many models of one configuration trained as one; `model.training.plain` is the readable way.

An epoch is: draw masks, sample pairs, encode the visible associations, decode, step. What each of
these does is in the files beside this one and in the tables of `model.network`.

Every tensor has a leading replica dimension, and replicas share nothing but the data: each has its
own weights, optimiser state, mask, samples and dropout. Randomness is a function of (seeds, epoch)
of the whole batch: a resumed run continues exactly as if it had not been interrupted, but the same
replica in another batch draws other masks.

Shape legend: B replicas, M rows, S columns, N nodes, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import logsigmoid

from model.data.similarities import Similarities
from model.network.autoencoder import Configuration, MaskedGraphAutoencoder
from model.network.graph import VisibleGraph
from model.network.heads.evidence import BatchedEvidence
from model.network.heads.kinds import HEADS
from model.network.masks.interface import Mask
from model.network.masks.kinds import MASKS
from model.training.batched import decoding
from model.training.batched.adam import Adam
from model.training.batched.associations import TrainingAssociations
from model.training.batched.encoder import encode
from model.training.batched.features import BatchedFeatures
from model.training.batched.malloc import keep_memory
from model.training.batched.precision import DEFAULTS, Precision, products
from model.training.batched.repeating import RepeatedEpoch
from model.training.batched.representation import is_dense
from model.training.batched.sampled_pairs import PairSampler, SampledPairs
from model.training.seeding import seed_epoch


class BatchedTrainer:
    """B models of one configuration, and what each trains on.

    Args:
        config: the configuration.
        similarities: of both sides.
        train_pairs: B arrays (T_b, 2) int64, (row index, column index).
        seeds: B; fix initial weights, masks, samples and dropout.
        precision: of the products of training; None for the device's own, see `precision`.
    """

    def __init__(
        self,
        config: Configuration,
        similarities: Similarities,
        train_pairs: Sequence[np.ndarray],
        seeds: Sequence[int],
        *,
        precision: Precision | None = None,
    ) -> None:
        keep_memory()
        self.config = config
        self.seeds = tuple(seeds)
        self.epoch = 0
        self.device = similarities.row.device
        self.precision = precision or DEFAULTS[self.device.type]
        self.sides = (similarities.n_rows, similarities.n_nodes - similarities.n_rows)
        self.associations = TrainingAssociations(
            train_pairs,
            self.sides,
            self.device,
            is_dense=is_dense(config, self.sides[0] * self.sides[1]),
        )
        self.draw_mask = MASKS[config.mask.scheme].batched(
            self.associations, config.mask.rate, config.mask.walk_length
        )
        self.features = BatchedFeatures(config.features, similarities)
        head = HEADS[config.head.type]
        self.evidence = BatchedEvidence(head, similarities, config.head) if head else None
        self.sampler = PairSampler(config.sampled_pairs, self.associations)
        self.decoder = decoding.PairDecoder(config, self.sides)
        initial, self.statistics = self._initial()
        # The weights of a replica are one row, and parameters are views of it. So clipping and Adam
        # are a few operations in all, not a few for each parameter.
        self.weights = self._rows(initial.values())
        self.parameters = {
            name: part.detach().view(initial[name].shape).requires_grad_()
            for name, part in self._parts(self.weights, initial)
        }
        self.adam = Adam(self.weights, config.training)
        self._generator = Generator(self.device)
        self.repeated = RepeatedEpoch(
            self._one_epoch,
            [self.weights, *self.adam.state.values(), *self.statistics.values()],
            self._generator,
            self._why_not_captured(),
        )
        self._embedded: tuple[Tensor, Tensor | None] | None = None

    def train_epoch(self) -> Tensor:
        """One full-graph step of every replica; their losses, (B,)."""
        self.epoch += 1
        self._embedded = None
        self._seed()
        with products(self.precision):
            return self.repeated()

    def _one_epoch(self) -> Tensor:
        """The step that `train_epoch` repeats, after it has seeded the generator."""
        mask = self.draw_mask(self._generator)
        sampled = self.sampler.draw(mask, self._generator)
        losses = self.losses(mask, sampled, self._generator)
        self.step(losses)
        return losses.detach()

    def step(self, losses: Tensor) -> None:
        """Move every replica's weights by the gradient of its own loss, from (B,) losses."""
        self.adam.step(self.weights, self._clipped(self.gradients(losses)))

    def gradients(self, losses: Tensor) -> Tensor:
        """(B, n) gradients of the losses; 0 for a weight that no loss depends on."""
        leaves = list(self.parameters.values())
        found = torch.autograd.grad(losses.sum(), leaves, materialize_grads=True)
        return self._rows(found)

    def losses(self, mask: Mask, sampled: SampledPairs, generator: Generator | None) -> Tensor:
        """(B,) equation 6 of each replica, see `MaskedGraphAutoencoder.loss`.

        Args:
            generator: of the dropout; None for none.
        """
        z, evidence = self._encode(mask.visible, generator)
        read = (self.parameters, z, evidence)
        if sampled.every_pair:
            unknown = self.decoder.block(*read, generator)
            masked = unknown.gather(1, mask.first * self.sides[1] + mask.second - self.sides[0])
        else:
            first = torch.cat((mask.first, sampled.first), dim=1)
            second = torch.cat((mask.second, sampled.second), dim=1)
            logits = self.decoder.pairs_in_training(*read, (first, second), generator)
            sizes = [mask.first.shape[1], sampled.first.shape[1]]
            masked, unknown = torch.split(logits, sizes, dim=1)
        loss = _mean(-logsigmoid(masked), mask.weight) + _mean(
            -logsigmoid(-unknown), sampled.weight
        )
        alpha = self.config.degree_decoder.alpha
        if alpha == 0:
            return loss
        predicted = decoding.degrees(self.config.degree_decoder, self.parameters, z, generator)
        return loss + alpha * ((predicted - mask.masked_degree) ** 2).mean(dim=1)

    @torch.no_grad()
    def probabilities(self, replicas: slice, node_pairs: np.ndarray | Tensor) -> Tensor:
        """Probability of an association, all training associations visible.

        Args:
            replicas: which; b of them.
            node_pairs: (2, P), the same for all of them; on the device if it is a tensor.

        Returns:
            (b, P) float64 in [0, 1], on the device; NaN where training has diverged.
        """
        if self._embedded is None:
            self._embedded = self._encode(self.associations.all_visible, None)
        z, evidence = self._embedded
        z, evidence = z[replicas], None if evidence is None else evidence[replicas]
        parameters = {name: value[replicas] for name, value in self.parameters.items()}
        if isinstance(node_pairs, Tensor):
            pairs = node_pairs
        else:
            pairs = torch.as_tensor(node_pairs, device=self.device)
        parts = []
        for part in torch.split(pairs, decoding.pairs_at_once(z), dim=1):
            first, second = (row.expand(len(z), -1) for row in part)
            logits = self.decoder.pairs(parameters, z, evidence, (first, second), None)
            parts.append(torch.sigmoid(logits.double()))
        return torch.cat(parts, dim=1)

    def state(self) -> dict[str, Tensor]:
        """Weights, batch-norm statistics and optimiser state; each with a leading B."""
        tensors = {f"model.{name}": value for name, value in self.parameters.items()}
        tensors.update({f"statistics.{name}": value for name, value in self.statistics.items()})
        tensors.update({f"adam.{name}": value for name, value in self.adam.state.items()})
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    @torch.no_grad()
    def load_state(self, tensors: dict[str, Tensor], epoch: int) -> None:
        """Continue from what `state` returned after ``epoch`` epochs."""
        self.epoch = epoch
        self._embedded = None
        for key, value in tensors.items():
            kind, name = key.split(".", 1)
            own = {"adam": self.adam.state, "model": self.parameters}.get(kind, self.statistics)
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
        return z, self.evidence(graph) if self.evidence else None

    def _initial(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Initial weights and running statistics: those of the plain models of these seeds."""
        states = []
        for seed in self.seeds:
            seed_epoch(seed, 0)
            model = MaskedGraphAutoencoder(
                self.config, self.features.width, self.sides, weights_only=True
            )
            states.append((dict(model.named_parameters()), dict(model.named_buffers())))
        parameters, statistics = (
            {
                name: torch.stack([state[kind][name].detach() for state in states]).to(self.device)
                for name in states[0][kind]
                if "num_batches" not in name
            }
            for kind in (0, 1)
        )
        return parameters, statistics

    def _clipped(self, gradients: Tensor) -> Tensor:
        """Clip each replica's gradient, a row, to the configured norm; in place."""
        norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
        return gradients.mul_((self.config.training.gradient_norm / (norm + 1e-6)).clamp(max=1))

    def _rows(self, values: Iterable[Tensor]) -> Tensor:
        """(B, n): the values of each replica, flattened and side by side."""
        return torch.cat([value.reshape(len(self.seeds), -1) for value in values], dim=1)

    def _parts(self, rows: Tensor, like: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
        """Each parameter's columns of (B, n), by its name."""
        sizes = [value[0].numel() for value in like.values()]
        return zip(like, torch.split(rows, sizes, dim=1), strict=True)

    def _seed(self) -> None:
        sequence = np.random.SeedSequence([*self.seeds, self.epoch])
        self._generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))

    def _why_not_captured(self) -> str | None:
        if self.device.type != "cuda":
            return "not on CUDA"
        head = HEADS[self.config.head.type]
        if head and not head.can_be_captured:
            return f"the head {self.config.head.type}"
        return None if self.associations.is_dense else "sparse matrices"


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """(B,) weighted mean of (B, P); 0 where all weights are 0."""
    return (values * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
