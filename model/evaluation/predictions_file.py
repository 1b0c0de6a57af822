"""Measure somebody else's scores on exported folds.

Predictions are a CSV file with the columns ``fold``, ``first``, ``second`` and ``score``, in any
order: the fold's number, the names of a pair in either order, and how likely the model that was
trained on that fold's ``train`` takes it to be an association. Every pair of ``held_out`` and
``ranked_against`` must be there; others are passed over, so all pairs may be given.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from model.data.readers import Table, place, read_table
from model.errors import InputError
from model.evaluation.folds_file import FoldsFile, NamedFold, Pair
from model.evaluation.metrics.table import ranking_metrics
from model.evaluation.result import Evaluation

COLUMNS = ("fold", "first", "second", "score")

# By fold and pair, the names of a pair in alphabetical order.
_Scores = dict[tuple[int, Pair], float]


def evaluate_predictions(
    folds: FoldsFile, path: Path, *, threshold: float | None = None
) -> Evaluation:
    """Measure predictions with the metrics that trials and baselines are measured with.

    Args:
        threshold: a score of at least this counts as a predicted association; None where scores
            are no probabilities: the indicators that need one are then NaN.

    Raises:
        InputError: a row cannot be used, or a pair that is ranked has no score.
    """
    scores = _read_scores(folds, path)
    return Evaluation(
        tuple(
            ranking_metrics(
                _scores_of(scores, fold, fold.held_out, path),
                _scores_of(scores, fold, fold.ranked_against, path),
                pairs=(numbered.held_out, numbered.ranked_against),
                threshold=threshold,
                balance=folds.balance,
            )
            for fold, numbered in zip(folds.folds, folds.to_folds(), strict=True)
        )
    )


def _read_scores(folds: FoldsFile, path: Path) -> _Scores:
    table = read_table(path, ",")
    column = _columns(table)
    names = {*folds.rows, *folds.columns}
    numbers = {str(fold.fold): fold.fold for fold in folds.folds}
    scores: _Scores = {}
    for row, line in zip(table.rows[1:], table.lines[1:], strict=True):
        number, first, second, score = (row[column[name]].strip() for name in COLUMNS)
        if number not in numbers:
            raise InputError(
                f"there is no fold {number!r}",
                where=place(path, row=line, column=column["fold"] + 1),
                hint=f"folds are 0 to {len(numbers) - 1}",
            )
        for key, name in (("first", first), ("second", second)):
            if name not in names:
                raise InputError(
                    f"unknown name {name!r}",
                    where=place(path, row=line, column=column[key] + 1),
                    hint="names are those of the folds file",
                )
        value = _number(score)
        if value is None:
            raise InputError(
                f"{score!r} is not a finite number",
                where=place(path, row=line, column=column["score"] + 1),
            )
        key_of_pair = (numbers[number], _ordered(first, second))
        if key_of_pair in scores:
            raise InputError(
                f"a second score for {first!r} and {second!r} in fold {number}",
                where=place(path, row=line),
                hint="give every pair once per fold; the order of its names does not matter",
            )
        scores[key_of_pair] = value
    return scores


def _columns(table: Table) -> dict[str, int]:
    header = [cell.strip() for cell in table.rows[0]]
    if sorted(header) != sorted(COLUMNS):
        raise InputError(
            f"the columns are {', '.join(header)}",
            where=place(table.path, row=table.lines[0]),
            hint=f"give {', '.join(COLUMNS)}",
        )
    return {name: header.index(name) for name in COLUMNS}


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _ordered(first: str, second: str) -> Pair:
    return (first, second) if first <= second else (second, first)


def _scores_of(scores: _Scores, fold: NamedFold, pairs: tuple[Pair, ...], path: Path) -> np.ndarray:
    """(P,) score of each pair."""
    found = [scores.get((fold.fold, _ordered(*pair))) for pair in pairs]
    missing = [pair for pair, score in zip(pairs, found, strict=True) if score is None]
    if missing:
        first, second = missing[0]
        raise InputError(
            f"fold {fold.fold}: {len(missing)} of {len(pairs)} pairs have no score, one is"
            f" {first!r} and {second!r}",
            where=str(path),
            hint="score every pair of `held_out` and `ranked_against` in every fold",
        )
    return np.array(found, dtype=np.float64)
