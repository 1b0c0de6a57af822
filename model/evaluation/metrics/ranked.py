"""The scores of one fold, as a metric sees them.

Shape legend: H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Balance = Literal["1:1", "as is"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedFold:
    """The scores of one fold. All of them are finite where a metric sees them.

    Args:
        held_out: (H,) scores of held-out associations, higher is more likely.
        unknown: (U,) scores of the pairs they are ranked against.
        pairs: (2, H) and (2, U) node pairs that the scores belong to; None where the caller has
            scores alone. A node pair numbers the nodes miRNAs first.
        threshold: a score of at least this counts as a predicted association; None for scores
            that are no probabilities.
        balance: "1:1" weighs each class one half in all, "as is" every pair alike.
    """

    held_out: np.ndarray
    unknown: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray] | None = None
    threshold: float | None = None
    balance: Balance = "1:1"

    @cached_property
    def scores(self) -> np.ndarray:
        """(H + U,) those of held-out associations first."""
        return np.concatenate((self.held_out, self.unknown))

    @property
    def labels(self) -> np.ndarray:
        """(H + U,) 1 for a held-out association, 0 for any other pair."""
        return np.repeat([1, 0], [len(self.held_out), len(self.unknown)])

    @property
    def weights(self) -> np.ndarray | None:
        """(H + U,) weight of each pair; None where all weigh alike."""
        if self.balance == "as is":
            return None
        sizes = [len(self.held_out), len(self.unknown)]
        return np.repeat([1 / size for size in sizes], sizes)

    @property
    def share(self) -> float:
        """Weight of the held-out associations among all pairs."""
        return 0.5 if self.balance == "1:1" else len(self.held_out) / len(self.scores)
