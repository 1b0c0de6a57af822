"""Cells of a matrix that hold no number: refused, or 0 where the user says so."""

from __future__ import annotations

import numpy as np

from model.data.importing.candidates import Matrix
from model.data.importing.choices import Choices
from model.errors import Problems


def without_missing(
    matrix: Matrix,
    values: np.ndarray,
    *,
    what: str,
    become: str,
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> np.ndarray | None:
    """The values with 0 for what is no number; None where that was not asked for.

    Args:
        values: of the matrix, as it is read: its columns may have another order there.
        what: the matrix holds, in words: "the associations".
        become: what a cell of 0 is, in words.
    """
    missing = ~np.isfinite(values)
    count = int(missing.sum())
    if not count:
        return values
    if not choices.nan_as_0:
        row, column = np.argwhere(missing)[0].tolist()
        problems.add(
            f"{count} cells of {what} hold no number",
            where=matrix.where(row, column),
            hint=f"--nan-as-0 makes them {become}",
        )
        return None
    changes.append(f"{count} missing cells of {what} became 0")
    return np.where(missing, 0.0, values)
