"""The associations of every replica: what it trains on, and what its encoder sees this epoch.

Shape legend: B replicas, M miRNAs, S small molecules, N = M + S nodes with miRNAs first, T training
associations (the largest number of any replica; shorter lists are padded), P masked pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from model.network.masking import MaskConfig
from model.training.batched.sparse import SparseVisibleGraph, Structure

# Places for a mask this many standard deviations above its mean. One epoch in 700 masks more: then
# a random part of them, as many as there are places, is decoded.
_SIGMAS = 3


@dataclass(frozen=True, eq=False)
class VisibleGraph:
    """The associations that the encoder sees, as a dense block: (B, M, S), 0 or 1."""

    block: Tensor

    @property
    def n_replicas(self) -> int:
        return self.block.shape[0]

    @property
    def n_mirnas(self) -> int:
        return self.block.shape[1]

    def degrees(self) -> tuple[Tensor, Tensor]:
        """(B, M, 1) and (B, S, 1) visible associations of each node."""
        return self.block.sum(dim=2, keepdim=True), self.block.sum(dim=1)[:, :, None]

    def to_mirnas(self, of_small_molecules: Tensor) -> Tensor:
        """(B, M, D): sum over each miRNA's small molecules of (B, S, D)."""
        return torch.bmm(self.block, of_small_molecules)

    def to_small_molecules(self, of_mirnas: Tensor) -> Tensor:
        """(B, S, D): sum over each small molecule's miRNAs of (B, M, D) or, shared, (M, D)."""
        if of_mirnas.ndim == 2:
            return torch.matmul(self.block.transpose(1, 2), of_mirnas)
        return torch.bmm(self.block.transpose(1, 2), of_mirnas)


AnyVisibleGraph = VisibleGraph | SparseVisibleGraph


@dataclass(frozen=True, eq=False)
class Mask:
    """One epoch's view of the training associations, of every replica.

    Shapes: first, second (B, P) nodes of the masked pairs, lower node first; weight (B, P), 1 for a
    masked pair and 0 for a place that is not used; masked_degree (B, N).
    """

    visible: AnyVisibleGraph
    first: Tensor
    second: Tensor
    weight: Tensor
    masked_degree: Tensor


class TrainingGraph:
    """The training associations of B replicas, and the masks over them.

    Masks have a fixed number of places, some of them of weight 0: nothing waits for a device to
    learn how many associations a draw has masked.

    Args:
        train_pairs: B arrays (T_b, 2) of (miRNA index, small molecule index).
        is_dense: whether what the encoder sees is a dense block or a sparse matrix.
    """

    def __init__(
        self,
        config: MaskConfig,
        train_pairs: Sequence[np.ndarray],
        sides: tuple[int, int],
        device: torch.device,
        *,
        is_dense: bool = True,
    ) -> None:
        self.config = config
        self.n_mirnas, self.n_small_molecules = sides
        longest = max(len(pairs) for pairs in train_pairs)
        padded = np.zeros((len(train_pairs), longest, 2), dtype=np.int64)
        valid = np.zeros((len(train_pairs), longest), dtype=bool)
        for row, pairs in enumerate(train_pairs):
            padded[row, : len(pairs)] = pairs
            valid[row, : len(pairs)] = True
        self.mirna = torch.as_tensor(padded[:, :, 0], device=device).contiguous()
        self.small_molecule = torch.as_tensor(padded[:, :, 1], device=device).contiguous()
        self.valid = torch.as_tensor(valid, device=device)
        self.code = self.mirna * self.n_small_molecules + self.small_molecule
        self.is_dense = is_dense
        if not self.is_dense:
            self._structure = Structure(self.mirna, self.small_molecule, self.valid, sides)
            self._sorted = torch.where(self.valid, self.code, -1).sort(dim=1).values
        self.all_visible = self.visible(self.valid)
        if config.scheme == "path":
            self._walks = _Walks(padded, valid, sides, device)

    def is_known(self, code: Tensor) -> Tensor:
        """(B, P) which pairs, as miRNA * S + small molecule, are training associations."""
        if isinstance(self.all_visible, VisibleGraph):
            return self.all_visible.block.flatten(1).gather(1, code) > 0
        place = torch.searchsorted(self._sorted, code).clamp(max=self._sorted.shape[1] - 1)
        return self._sorted.gather(1, place) == code

    def visible(self, shown: Tensor) -> AnyVisibleGraph:
        """The graph of the associations marked in (B, T)."""
        if not self.is_dense:
            return self._structure.visible(shown)
        block = torch.zeros(
            (len(shown), self.n_mirnas * self.n_small_molecules), device=shown.device
        )
        block.scatter_add_(1, self.code, shown.to(block.dtype))  # a padded place adds 0
        return VisibleGraph(block.unflatten(1, (self.n_mirnas, self.n_small_molecules)))

    def draw(self, generator: Generator) -> Mask:
        """A mask for each replica, as `model.network.masking.draw_mask` defines it."""
        if self.config.scheme == "per_direction":
            return self.masked(*(self._bernoulli(generator) for _ in range(2)))
        if self.config.scheme == "none":
            return self._unmasked()
        if self.config.scheme == "path":
            walked = self._walks.draw(self.config, generator)
            return self.masked(2 * (~walked).to(torch.float32))
        return self.masked(self._bernoulli(generator))

    def masked(self, *draws: Tensor) -> Mask:
        """The mask of given uniform numbers (B, T): below the mask rate is masked.

        Args:
            draws: one, or with ``per_direction`` one for each direction.
        """
        rate = self.config.rate
        hidden = [(draw < rate) & self.valid for draw in draws]
        both = hidden[0] if len(hidden) == 1 else hidden[0] & hidden[1]
        places = [self._places(draw) for draw in draws]
        position = torch.cat([index for index, _ in places], dim=1)
        weight = torch.cat([weight for _, weight in places], dim=1)
        # A direction counts at the node it points to; an association at both of its nodes.
        to_small_molecules, to_mirnas = (hidden[0], hidden[-1])
        degree_M = torch.zeros((len(both), self.n_mirnas), device=both.device)
        degree_S = torch.zeros((len(both), self.n_small_molecules), device=both.device)
        degree_M.scatter_add_(1, self.mirna, to_mirnas.to(degree_M.dtype))
        degree_S.scatter_add_(1, self.small_molecule, to_small_molecules.to(degree_S.dtype))
        return Mask(
            visible=self.visible(self.valid & ~both),
            first=self.mirna.gather(1, position),
            second=self.small_molecule.gather(1, position) + self.n_mirnas,
            weight=weight,
            masked_degree=torch.cat((degree_M, degree_S), dim=1),
        )

    def _unmasked(self) -> Mask:
        weight = self.valid.to(torch.float32)
        degrees = torch.cat(self.all_visible.degrees(), dim=1).squeeze(2)
        second = self.small_molecule + self.n_mirnas
        return Mask(self.all_visible, self.mirna, second, weight, degrees)

    def _bernoulli(self, generator: Generator) -> Tensor:
        return torch.rand(self.valid.shape, generator=generator, device=self.valid.device)

    def _places(self, draw: Tensor) -> tuple[Tensor, Tensor]:
        """(B, P) positions of the smallest draws, with weight 1 where they are masked."""
        longest, rate = draw.shape[1], self.config.rate
        if self.config.scheme == "path":
            places = longest  # walks have no such bound
        else:
            bound = longest * rate + _SIGMAS * math.sqrt(longest * rate * (1 - rate))
            places = min(longest, math.ceil(bound) + 1)
        draw = draw.masked_fill(~self.valid, 2.0)
        smallest, position = draw.topk(places, dim=1, largest=False, sorted=False)
        return position, (smallest < rate).to(torch.float32)


class _Walks:
    """Random walks over the training associations of every replica (path masking)."""

    def __init__(
        self, pairs: np.ndarray, valid: np.ndarray, sides: tuple[int, int], device: torch.device
    ) -> None:
        n_replicas, longest = valid.shape
        n_nodes = sum(sides)
        start = np.zeros((n_replicas, n_nodes), dtype=np.int64)
        degree = np.zeros((n_replicas, n_nodes), dtype=np.int64)
        following = np.zeros((n_replicas, 2 * longest), dtype=np.int64)
        crossing = np.zeros((n_replicas, 2 * longest), dtype=np.int64)
        for row in range(n_replicas):
            edges = np.flatnonzero(valid[row])
            ends = pairs[row, edges] + [0, sides[0]]
            sources = np.concatenate((ends[:, 0], ends[:, 1]))
            order = np.argsort(sources, kind="stable")
            degree[row] = np.bincount(sources, minlength=n_nodes)
            start[row] = np.concatenate(([0], np.cumsum(degree[row])[:-1]))
            following[row, : len(order)] = np.concatenate((ends[:, 1], ends[:, 0]))[order]
            crossing[row, : len(order)] = np.concatenate((edges, edges))[order]
        # A node without associations may start at the very end; it never walks.
        start = np.minimum(start, max(2 * longest - 1, 0))
        self.start, self.degree, self.following, self.crossing = (
            torch.as_tensor(array, device=device) for array in (start, degree, following, crossing)
        )

    def draw(self, config: MaskConfig, generator: Generator) -> Tensor:
        """(B, T) bool: the associations that a walk from some starting node crosses."""

        def uniform() -> Tensor:
            return torch.rand(self.start.shape, generator=generator, device=self.start.device)

        walking = ((uniform() < config.rate) & (self.degree > 0)).to(torch.int64)
        at = torch.arange(self.start.shape[1], device=self.start.device).expand_as(self.start)
        crossed = torch.zeros(
            (len(self.start), self.following.shape[1] // 2),
            dtype=torch.int64,
            device=self.start.device,
        )
        for _ in range(config.walk_length):
            choices = self.degree.gather(1, at)
            step = (uniform() * choices).to(torch.int64)  # may round up to the number of choices
            position = self.start.gather(1, at) + torch.minimum(step, (choices - 1).clamp(min=0))
            crossed.scatter_add_(1, self.crossing.gather(1, position), walking)
            at = self.following.gather(1, position)
        return crossed > 0
