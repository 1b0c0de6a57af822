"""The scores of all folds at once, where they are: what the batched form of a metric works on.

Folds differ in size. Sorted scores are padded with infinity, and `is_held_out` tells a score from
padding. Nothing here waits for the device; what several metrics need is computed once.

Shape legend: K folds, H and U held-out associations and other pairs of one fold, L the largest H.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model.evaluation.ranked import Balance, RankedFold


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedFolds:
    """`RankedFold` of K folds: each field that was an array is now a tensor for each fold."""

    held_out: Sequence[Tensor]
    unknown: Sequence[Tensor]
    pairs: tuple[Sequence[Tensor], Sequence[Tensor]] | None = None
    threshold: float | None = None
    balance: Balance = "1:1"

    @cached_property
    def is_finite(self) -> Tensor:
        """(K,) bool: whether all scores of the fold are finite."""
        sides = zip(self.held_out, self.unknown, strict=True)
        return torch.stack([torch.cat(pair).isfinite().all() for pair in sides])

    @cached_property
    def sorted_held_out(self) -> Tensor:
        """(K, L) scores in ascending order, then padding."""
        return _sorted(self.held_out)

    @cached_property
    def sorted_unknown(self) -> Tensor:
        """(K, largest U) scores in ascending order, then padding."""
        return _sorted(self.unknown)

    @cached_property
    def n_held_out(self) -> Tensor:
        """(K, 1) number of held-out associations."""
        return _sizes(self.held_out)

    @cached_property
    def n_unknown(self) -> Tensor:
        """(K, 1) number of pairs they are ranked against."""
        return _sizes(self.unknown)

    @cached_property
    def is_held_out(self) -> Tensor:
        """(K, L) bool: False where `sorted_held_out` is padding."""
        places = self.sorted_held_out.shape[1]
        return torch.arange(places, device=self.n_held_out.device) < self.n_held_out

    @cached_property
    def n_below(self) -> Tensor:
        """(K, L) how many unknown pairs score less than each of `sorted_held_out`."""
        found = torch.searchsorted(self.sorted_unknown, self.sorted_held_out, side="left")
        return found.to(self.sorted_held_out)

    @cached_property
    def n_at_most(self) -> Tensor:
        """(K, L) how many unknown pairs score at most as much as each of `sorted_held_out`."""
        found = torch.searchsorted(self.sorted_unknown, self.sorted_held_out, side="right")
        return found.to(self.sorted_held_out)

    @cached_property
    def n_found(self) -> Tensor:
        """(K, L) how many held-out associations score at least as much as each of them."""
        below = torch.searchsorted(self.sorted_held_out, self.sorted_held_out)
        return self.n_held_out - below

    @cached_property
    def rates(self) -> Tensor:
        """(K, 3) sensitivity, fall-out (1 - specificity), share of associations among the pairs."""
        if self.threshold is None:
            raise ValueError("a metric that uses the threshold must say needs_threshold")
        reached = [
            ((scores >= self.threshold) & scores.isfinite()).sum(dim=1) / size[:, 0]
            for scores, size in (
                (self.sorted_held_out, self.n_held_out),
                (self.sorted_unknown, self.n_unknown),
            )
        ]
        n_held_out, n_unknown = self.n_held_out[:, 0].double(), self.n_unknown[:, 0].double()
        if self.balance == "1:1":
            share = torch.full_like(n_held_out, 0.5)
        else:
            share = n_held_out / (n_held_out + n_unknown)
        return torch.stack([*reached, share], dim=1)

    def to_host(self, k: int) -> RankedFold:
        """Fold k in the memory of the host. Waits for the device."""
        pairs = None
        if self.pairs is not None:
            held_out, unknown = (side[k].cpu().numpy() for side in self.pairs)
            pairs = held_out, unknown
        return RankedFold(
            held_out=self.held_out[k].cpu().numpy(),
            unknown=self.unknown[k].cpu().numpy(),
            pairs=pairs,
            threshold=self.threshold,
            balance=self.balance,
        )


def _sorted(folds: Sequence[Tensor]) -> Tensor:
    padded = pad_sequence(list(folds), batch_first=True, padding_value=torch.inf)
    return padded.sort(dim=1).values


def _sizes(folds: Sequence[Tensor]) -> Tensor:
    return torch.stack([scores.new_full((1,), len(scores)) for scores in folds])
