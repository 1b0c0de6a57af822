"""What a trial scored out of fold, kept so that trials can be combined to an ensemble.

A file of safetensors: of each kept epoch and each fold its (H + U,) scores, those of held-out
associations first, and the curve by which the epoch is chosen.

Shape legend: K folds, H held-out associations, U pairs they are ranked against.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from model.evaluation.epoch_choice import may_be_chosen
from model.evaluation.folds import Fold

if TYPE_CHECKING:
    from model.evaluation.ensemble import OutOfFold  # a trial's process needs nothing of it

FILE = "out_of_fold.safetensors"
MOST_SCORES = 2_500_000  # of all folds together, 10 MB; trials on larger networks keep none


def can_keep(folds: Sequence[Fold]) -> bool:
    """Whether the scores on these folds are few enough to be kept with every trial."""
    scores: int = sum(fold.held_out.shape[1] + fold.ranked_against.shape[1] for fold in folds)
    return scores <= MOST_SCORES


class OutOfFoldScores:
    """The scores of one trial at each reported epoch that may still be chosen: three at most."""

    def __init__(
        self,
        curve: Mapping[int, float] | None = None,
        kept: Mapping[int, OutOfFold] | None = None,
    ) -> None:
        self._curve = dict(curve or {})
        self._kept = dict(kept or {})

    def add(self, epoch: int, score: float, scores: OutOfFold) -> None:
        """Keep the scores of a report, and drop those of epochs that can no longer be chosen.

        Args:
            score: the study's metric; what is not finite is not kept.
            scores: of each fold (H + U,).
        """
        self._curve[epoch] = score
        if math.isfinite(score):
            self._kept[epoch] = scores
        open_ones = may_be_chosen(self._curve)
        self._kept = {one: kept for one, kept in self._kept.items() if one in open_ones}

    def save(self, folder: Path, *, only: int | None = None) -> None:
        """Write the file.

        Args:
            only: the epoch whose scores are written; None for all that are kept.
        """
        tensors = {
            f"{epoch}.{fold}": np.ascontiguousarray(scores, dtype=np.float32)
            for epoch, of_folds in self._kept.items()
            for fold, scores in enumerate(of_folds)
            if only in (None, epoch)
        }
        curve = json.dumps([[epoch, score] for epoch, score in self._curve.items()])
        save_file(tensors, folder / FILE, metadata={"curve": curve})

    @classmethod
    def load(cls, folder: Path) -> OutOfFoldScores:
        """What `save` wrote; nothing where there is no file."""
        if not (folder / FILE).exists():
            return cls()
        with safe_open(folder / FILE, framework="numpy") as file:
            curve = dict(json.loads((file.metadata() or {})["curve"]))
            found: dict[int, dict[int, np.ndarray]] = {}
            for name in file.keys():  # noqa: SIM118
                epoch, fold = map(int, name.split("."))
                found.setdefault(epoch, {})[fold] = file.get_tensor(name)
        kept = {
            epoch: [of_folds[fold] for fold in sorted(of_folds)]
            for epoch, of_folds in found.items()
        }
        return cls(curve, kept)

    def at(self, epoch: int) -> OutOfFold | None:
        """The scores at an epoch, of each fold (H + U,); None if they were not kept."""
        return self._kept.get(epoch)
