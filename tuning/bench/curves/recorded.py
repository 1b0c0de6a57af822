"""Recorded curves of random points of the default space, on four data sets; what they say.

Every point was trained to the longest budget and measured every ten epochs on each fold, so that a
strategy of search can be replayed on them without training. They were recorded under `honest`, seed
0, on one NVIDIA H200 with products in TF32. The data themselves are not part of the project.

Shape legend: N points, E reported epochs, K folds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import InputError
from tuning.bench.measuring import Figure, document

FOLDER = Path(__file__).parents[1] / "recordings"
AT_ONCE = (8, 24, 64)  # points of a random search
EARLY = (20, 40, 60, 100, 180)  # epochs that are compared with the best of the curve
FEW_FOLDS = 2
_DRAWS = 500
_PARTS = 10  # of the cross-validation of the surrogate


@dataclass(frozen=True)
class RecordedCurves:
    """The curves of one data set.

    Args:
        about: the data set's name and content hash, and where the curves were recorded.
        points: N, the searched parameters of each by dotted name.
        epochs: (E,) of the reports.
        auc: (N, E, K) development AUC of each fold; NaN once the trial has diverged.
        seconds: (N, E) of training and evaluation since the report before.
    """

    about: dict[str, str]
    points: tuple[dict[str, Any], ...]
    epochs: np.ndarray
    auc: np.ndarray
    seconds: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """(N,) the highest mean over the folds of any report; 0 of a trial that had none."""
        best: np.ndarray = np.nan_to_num(self.auc.mean(axis=2), nan=0.0).max(axis=1)
        return best


def recordings(folder: Path = FOLDER) -> list[str]:
    """Names of the data sets whose curves are there."""
    return sorted(path.stem for path in folder.glob("*.npz"))


def read_curves(name: str, folder: Path = FOLDER) -> RecordedCurves:
    """The recorded curves of a data set.

    Raises:
        InputError: there are none of that name.
    """
    path = folder / f"{name}.npz"
    if not path.is_file():
        hint = f"one of {', '.join(recordings(folder))}"
        raise InputError(f"no curves of {name!r} are recorded", where="--recording", hint=hint)
    with np.load(path) as stored:
        return RecordedCurves(
            about=json.loads(str(stored["about"])),
            points=tuple(json.loads(str(stored["points"]))),
            epochs=stored["epochs"],
            auc=stored["auc"],
            seconds=stored["seconds"],
        )


def read_points(path: Path) -> tuple[dict[str, Any], ...]:
    """The points of a recording anywhere.

    Raises:
        InputError: the file is no recording.
    """
    if path.suffix != ".npz" or not path.is_file():
        raise InputError("there is no recording", where=str(path), hint="a file FILE.npz")
    return read_curves(path.stem, path.parent).points


def write_curves(curves: RecordedCurves, path: Path) -> None:
    """Write what `read_curves` reads; AUC to five digits, seconds to a millisecond."""
    np.savez_compressed(
        path,
        about=np.array(json.dumps(curves.about)),
        points=np.array(json.dumps(curves.points)),
        epochs=curves.epochs,
        auc=curves.auc.round(5).astype(np.float32),
        seconds=curves.seconds.round(3).astype(np.float32),
    )


def bench_curves(curves: RecordedCurves) -> dict[str, Any]:
    """What the curves of a data set say about searching on it.

    Returns:
        The document of a benchmark: the best AUC of a point, what random search of 8, 24 and 64
        points reaches (over draws; left out where fewer points are recorded), the rank correlation
        of an early epoch and of two folds with the whole curve's best, and the error of a surrogate
        on points that it was not fitted to.
    """
    from scipy.stats import spearmanr

    mean = curves.auc.mean(axis=2)
    best = curves.best
    rng = np.random.default_rng(0)
    figures = [Figure.of("best of a curve", best.tolist(), "AUC")]
    for count in AT_ONCE:
        if count > len(best):
            continue
        drawn = [float(rng.choice(best, count, replace=False).max()) for _ in range(_DRAWS)]
        figures.append(Figure.of(f"best of {count} random points", drawn, "AUC"))
    last = np.array(curves.epochs)[mean.argmax(axis=1)]
    figures.append(Figure.of("epoch of the best", last.tolist(), "epochs"))
    correlations: dict[str, Callable[[], np.ndarray]] = {
        **{f"epoch {epoch}": _at(curves, epoch) for epoch in EARLY},
        f"{FEW_FOLDS} of the folds": lambda: curves.auc[:, :, :FEW_FOLDS].mean(axis=2).max(axis=1),
    }
    ratios = {
        f"rank correlation with the best, {name}": float(spearmanr(score(), best).statistic)
        for name, score in correlations.items()
    }
    predicted = surrogate_predictions(curves.points, best)
    error = np.sqrt(np.mean((predicted - best) ** 2))
    figures.append(Figure.of("error of the surrogate", np.abs(predicted - best).tolist(), "AUC"))
    ratios["rank correlation with the best, surrogate"] = float(
        spearmanr(predicted, best).statistic
    )
    ratios["variance that the surrogate explains"] = float(1 - error**2 / best.var())
    return {**document(figures, ratios), "recorded": curves.about}


def surrogate_predictions(points: Sequence[dict[str, Any]], scores: np.ndarray) -> np.ndarray:
    """(N,) a regressor's score of each point, fitted to the others in ten parts.

    Extremely randomised trees (Geurts et al. 2006): they need no scale, and take kinds as numbers.
    """
    import pandas as pd
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.model_selection import KFold, cross_val_predict

    table = pd.get_dummies(pd.DataFrame(points).map(_kind_or_number)).astype(float)
    trees = ExtraTreesRegressor(200, min_samples_leaf=2, random_state=0)
    parts = KFold(_PARTS, shuffle=True, random_state=0)
    predictions: np.ndarray = cross_val_predict(trees, table.to_numpy(), scores, cv=parts)
    return predictions


def _kind_or_number(value: Any) -> Any:
    """A column that mixes kinds and numbers (1, 3, "all") has to be one of kinds."""
    return float(value) if isinstance(value, float) else str(value)


def _at(curves: RecordedCurves, epoch: int) -> Callable[[], np.ndarray]:
    (place,) = np.flatnonzero(curves.epochs == epoch)
    return lambda: curves.auc[:, place].mean(axis=1)
