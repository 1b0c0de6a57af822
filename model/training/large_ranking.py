"""Ranking unknown pairs where they are too many to hold: in blocks, or by a sample.

Shape legend: M rows, S columns, P pairs, H held-out associations, U sampled pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

_AT_ONCE = 1_000_000  # pairs of a block

# Scores (P,) of (2, P) node pairs, rows first.
Score = Callable[[np.ndarray], np.ndarray]


def top_unknown(
    score: Score,
    sides: tuple[int, int],
    known: np.ndarray,
    k: int,
    *,
    rows: range | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The k best unknown pairs. Memory holds the pairs of one block and the best so far.

    Args:
        known: sorted (T,) codes ``row * S + column`` of the pairs to leave out.
        rows: rank the pairs of these rows only; all by default.

    Returns:
        (k, 2) pairs (row index, column index), best first, and their scores (k,).
    """
    best_codes, best_scores = np.empty(0, dtype=np.int64), np.empty(0)
    for codes in _blocks(rows or range(sides[0]), sides[1]):
        codes = codes[~is_known(codes, known)]
        codes = np.concatenate((best_codes, codes))
        scores = np.concatenate((best_scores, score(_nodes(codes[len(best_codes) :], sides))))
        # Ties go to the lower code, whatever the blocks.
        keep = np.lexsort((codes, -scores))[:k] if len(codes) <= k else _best(scores, codes, k)
        best_codes, best_scores = codes[keep], scores[keep]
    return np.stack(np.divmod(best_codes, sides[1]), axis=1), best_scores


def sample_unknown(
    rng: np.random.Generator, n: int, sides: tuple[int, int], known: np.ndarray
) -> np.ndarray:
    """(2, n) node pairs drawn uniformly, with replacement, from the unknown ones.

    Args:
        known: sorted codes, see `top_unknown`.
    """
    drawn = np.empty(0, dtype=np.int64)
    while len(drawn) < n:
        codes = rng.integers(sides[0] * sides[1], size=n - len(drawn))
        drawn = np.concatenate((drawn, codes[~is_known(codes, known)]))
    return _nodes(drawn, sides)


def sampled_auc(held_out: np.ndarray, sampled: np.ndarray) -> tuple[float, float]:
    """AUC over all unknown pairs, estimated from a uniform sample of them.

    Args:
        held_out: (H,) scores of all held-out associations.
        sampled: (U,) scores of pairs drawn by `sample_unknown`.

    Returns:
        The unbiased estimate, and its standard error over draws of the sample. The standard error
        does not include the spread over other held-out associations.
    """
    ordered = np.sort(held_out)
    below = np.searchsorted(ordered, sampled, "left")
    ties = np.searchsorted(ordered, sampled, "right") - below
    # For each sampled pair, the fraction of held-out associations above it; a tie counts half.
    above = 1 - (below + ties / 2) / len(held_out)
    return float(above.mean()), float(above.std(ddof=1) / np.sqrt(len(above)))


def is_known(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(P,) bool: which of the codes are among the sorted ones."""
    if not len(known):
        return np.zeros(len(codes), dtype=bool)
    place = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    found: np.ndarray = known[place] == codes
    return found


def _blocks(rows: range, n_columns: int) -> Iterator[np.ndarray]:
    height = max(1, _AT_ONCE // n_columns)
    for start in range(rows.start, rows.stop, height):
        stop = min(start + height, rows.stop)
        yield np.arange(start * n_columns, stop * n_columns)


def _best(scores: np.ndarray, codes: np.ndarray, k: int) -> np.ndarray:
    bar = np.partition(scores, len(scores) - k)[len(scores) - k]
    among = np.flatnonzero(scores >= bar)
    return among[np.lexsort((codes[among], -scores[among]))[:k]]


def _nodes(codes: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    row, column = np.divmod(codes, sides[1])
    return np.stack((row, column + sides[0]))
