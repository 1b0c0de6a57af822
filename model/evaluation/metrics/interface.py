"""What a metric is: a number for how one fold's held-out associations rank among other pairs.

Shape legend: K folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.evaluation.metrics.ranked import RankedFold

if TYPE_CHECKING:
    from torch import Tensor  # at run time it would bring all of torch along

    from model.evaluation.metrics.ranked_folds import RankedFolds


def _itself(value: float) -> float:
    return value


@dataclass(frozen=True, kw_only=True)
class Metric:
    """An entry of `model.evaluation.metrics.table.METRICS`, under its name. Higher is better.

    Args:
        meaning: what it says, in one line.
        label: heading of its column in tables; ``{row}`` and ``{column}`` are the data's words.
        plain: its definition, from the scores of one fold.
        batched: the same of all folds at once: (K,) on the scores' device, made without waiting
            for the device. None: `plain` is asked fold by fold, and each evaluation of a trial
            waits once more for every fold.
        finish: where ``batched`` gives (K, n), the value from the n numbers of one fold, computed
            on the host.
        needs_threshold: it is NaN where scores are no probabilities.
        needs_pairs: it looks at which nodes a score is of; NaN where the caller has scores alone,
            and where no node has what it asks for.
    """

    meaning: str
    label: str
    plain: Callable[[RankedFold], float]
    batched: Callable[[RankedFolds], Tensor] | None = None
    finish: Callable[..., float] = _itself
    needs_threshold: bool = False
    needs_pairs: bool = False

    def applies_to(self, ranked: RankedFold | RankedFolds) -> bool:
        """Whether what it needs is known."""
        has_threshold = ranked.threshold is not None or not self.needs_threshold
        return has_threshold and (ranked.pairs is not None or not self.needs_pairs)
