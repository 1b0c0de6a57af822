"""The scores of all folds at once, where they are: what the batched form of a metric works on.

Rankings differ in size. Sorted scores are padded with infinity, and `is_held_out` tells a score
from padding. Nothing here waits for the device; what several metrics need is computed once.

Shape legend: K folds, H and U held-out associations and other pairs of one fold; R rankings, L the
largest number of held-out associations in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from model.evaluation.metrics.ranked import Balance, RankedFold
from model.evaluation.metrics.ranked_pairs import OwnPairs, RankedPairs


@dataclass(frozen=True, kw_only=True, eq=False)
class Rankings:
    """R rankings side by side: the whole ones of the folds, or one for each node of a side.

    Shapes: held_out (R, L) and unknown (R, largest U) scores in ascending order, then padding;
    n_held_out and n_unknown (R, 1) float64, without padding.
    """

    held_out: Tensor
    unknown: Tensor
    n_held_out: Tensor
    n_unknown: Tensor

    @cached_property
    def is_held_out(self) -> Tensor:
        """(R, L) bool: False where `held_out` is padding."""
        places = self.held_out.shape[1]
        return torch.arange(places, device=self.n_held_out.device) < self.n_held_out

    @cached_property
    def n_below(self) -> Tensor:
        """(R, L) how many unknown pairs score less than each of `held_out`."""
        return _count(self.unknown, self.held_out, "left")

    @cached_property
    def n_at_most(self) -> Tensor:
        """(R, L) how many unknown pairs score at most as much as each of `held_out`."""
        return _count(self.unknown, self.held_out, "right")

    @cached_property
    def n_found(self) -> Tensor:
        """(R, L) how many held-out associations score at least as much as each of them."""
        return self.n_held_out - _count(self.held_out, self.held_out, "left")

    @cached_property
    def n_above(self) -> Tensor:
        """(R, L) how many pairs of both kinds score more than each of `held_out`."""
        found_above = self.n_held_out - _count(self.held_out, self.held_out, "right")
        return found_above + self.n_unknown - self.n_at_most

    @cached_property
    def n_tied(self) -> Tensor:
        """(R, L) how many pairs of both kinds score as much as each of `held_out`, with itself."""
        return self.n_found + self.n_unknown - self.n_below - self.n_above


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeRankings(Rankings):
    """A ranking for each of N nodes of one side, of its own pairs; see `RankedPairs`."""

    own: OwnPairs

    def mean_of_folds(self, values: Tensor) -> Tensor:
        """(K,) mean over each fold's nodes of (N,) values; NaN for a fold that has none."""
        padded = torch.cat([values, values.new_zeros(1)])
        return padded.take(self.own.of_fold).sum(dim=1) / self.own.n_nodes


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedFolds:
    """`RankedFold` of K folds: each field that was an array is now a tensor for each fold."""

    held_out: Sequence[Tensor]
    unknown: Sequence[Tensor]
    pairs: RankedPairs | None = None
    threshold: float | None = None
    balance: Balance = "1:1"

    @cached_property
    def is_finite(self) -> Tensor:
        """(K,) bool: whether all scores of the fold are finite."""
        sides = zip(self.held_out, self.unknown, strict=True)
        return torch.stack([torch.cat(pair).isfinite().all() for pair in sides])

    @cached_property
    def all_pairs(self) -> Rankings:
        """K rankings: all pairs of each fold."""
        return Rankings(
            held_out=_sorted(self.held_out),
            unknown=_sorted(self.unknown),
            n_held_out=_sizes(self.held_out),
            n_unknown=_sizes(self.unknown),
        )

    @cached_property
    def of_rows(self) -> NodeRankings:
        """The own pairs of each node of the rows."""
        return self._of_nodes(self._known_pairs.of_rows)

    @cached_property
    def of_columns(self) -> NodeRankings:
        """The own pairs of each node of the columns."""
        return self._of_nodes(self._known_pairs.of_columns)

    @cached_property
    def rates(self) -> Tensor:
        """(K, 3) sensitivity, fall-out (1 - specificity), share of associations among the pairs."""
        if self.threshold is None:
            raise ValueError("a metric that uses the threshold must say needs_threshold")
        ranked = self.all_pairs
        reached = [
            ((scores >= self.threshold) & scores.isfinite()).sum(dim=1) / size[:, 0]
            for scores, size in (
                (ranked.held_out, ranked.n_held_out),
                (ranked.unknown, ranked.n_unknown),
            )
        ]
        n_held_out, n_unknown = ranked.n_held_out[:, 0], ranked.n_unknown[:, 0]
        if self.balance == "1:1":
            share = torch.full_like(n_held_out, 0.5)
        else:
            share = n_held_out / (n_held_out + n_unknown)
        return torch.stack([*reached, share], dim=1)

    def to_host(self, k: int) -> RankedFold:
        """Fold k in the memory of the host. Waits for the device."""
        pairs = None
        if self.pairs is not None:
            sides = (self.pairs.held_out, self.pairs.unknown)
            held_out, unknown = (side[k].cpu().numpy() for side in sides)
            pairs = held_out, unknown
        return RankedFold(
            held_out=self.held_out[k].cpu().numpy(),
            unknown=self.unknown[k].cpu().numpy(),
            pairs=pairs,
            threshold=self.threshold,
            balance=self.balance,
        )

    @property
    def _known_pairs(self) -> RankedPairs:
        if self.pairs is None:
            raise ValueError("a metric that looks at nodes must say needs_pairs")
        return self.pairs

    def _of_nodes(self, own: OwnPairs) -> NodeRankings:
        held_out, unknown = (
            torch.cat([*scores, scores[0].new_full((1,), torch.inf)]).take(places)
            for scores, places in ((self.held_out, own.held_out), (self.unknown, own.unknown))
        )
        return NodeRankings(
            held_out=held_out.sort(dim=1).values,
            unknown=unknown.sort(dim=1).values,
            n_held_out=own.n_held_out,
            n_unknown=own.n_unknown,
            own=own,
        )


def _sorted(folds: Sequence[Tensor]) -> Tensor:
    padded = pad_sequence(list(folds), batch_first=True, padding_value=torch.inf)
    return padded.sort(dim=1).values


def _sizes(folds: Sequence[Tensor]) -> Tensor:
    return torch.stack([scores.new_full((1,), len(scores)) for scores in folds])


def _count(ordered: Tensor, values: Tensor, side: str) -> Tensor:
    return torch.searchsorted(ordered, values, side=side).to(values)
