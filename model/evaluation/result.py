"""What measuring a model on the folds of a protocol gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.evaluation.metrics.table import METRICS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """Each fold's metrics after the same number of epochs."""

    folds: tuple[dict[str, float], ...]

    def summary(self) -> dict[str, float]:
        """Mean of each metric over the folds under its name, and its spread as ``<name>_sd``.

        The sd is over folds of one split, which share most of their training associations: it
        tells how much folds differ, not how far the mean may be off. A single fold has none: NaN.
        """
        values: dict[str, float] = {}
        for name in METRICS:
            of_folds = np.array([fold[name] for fold in self.folds])
            values[name] = float(of_folds.mean())
            values[f"{name}_sd"] = float(of_folds.std(ddof=1)) if len(of_folds) > 1 else np.nan
        return values

    def to_frame(self) -> pd.DataFrame:
        """A row per fold, numbered from 1, a column per metric of `METRICS`."""
        import pandas as pd

        index = pd.RangeIndex(1, len(self.folds) + 1, name="fold")
        return pd.DataFrame(list(self.folds), index=index)
