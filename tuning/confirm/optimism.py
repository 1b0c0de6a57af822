"""How much of a development score was luck: what the search gained by choosing, and a control.

Shape legend: R fresh splits, K folds of a split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tuning.registry.verdict import Measured


@dataclass(frozen=True)
class Shift:
    """A development score minus the mean over fresh splits; ``standard_error`` is None for R = 1.

    Without any optimism the development folds would be one more split like the R fresh ones. The
    difference between one split and the mean of R others then has the variance s^2 (1 + 1/R), where
    s^2 is that of a split's mean score. A trial has one seed on the development folds and several
    on a fresh split, so its error is a little too small; with few splits s is a rough estimate.
    """

    value: float
    standard_error: float | None


@dataclass(frozen=True)
class Optimism:
    """The shift of the study's winner, and of baselines, which no search chose.

    Args:
        winner: shift of the trial with the best development score: the optimism of the search and
            the luck of the development folds together.
        baselines: mean shift of the baselines: the luck of the folds alone. None without any.
        beyond: the first minus the second, split by split: luck that both share is taken out.
    """

    winner: Shift
    baselines: Shift | None
    beyond: Shift | None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def optimism(winner: Measured, others: Sequence[Measured], splits: int) -> Optimism | None:
    """The optimism of a study.

    Args:
        winner: the trial with the best development score.
        others: trials and baselines; baselines with a development score are the control.
        splits: R.

    Returns:
        None where the winner diverged.
    """
    if winner.development_score is None or not winner.is_finite:
        return None
    control = [
        one
        for one in others
        if one.kind == "baseline" and one.is_finite and one.development_score is not None
    ]
    known, fresh = winner.development_score, _of_splits(winner, splits)
    if not control:
        return Optimism(_shift(known, fresh), None, None)
    control_known = float(np.mean([one.development_score for one in control]))
    control_fresh = np.mean([_of_splits(one, splits) for one in control], axis=0)
    return Optimism(
        winner=_shift(known, fresh),
        baselines=_shift(control_known, control_fresh),
        beyond=_shift(known - control_known, fresh - control_fresh),
    )


def _of_splits(one: Measured, splits: int) -> np.ndarray:
    """(R,) mean over the K folds of each split."""
    means: np.ndarray = one.score.reshape(splits, -1).mean(axis=1)
    return means


def _shift(known: float, fresh: np.ndarray) -> Shift:
    count, error = len(fresh), None
    if count > 1:
        error = float(np.std(fresh, ddof=1) * np.sqrt(1 + 1 / count))
    return Shift(known - float(fresh.mean()), error)
