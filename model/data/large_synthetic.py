"""Large networks made from a seed: to measure how time and memory grow.

Every node has a hidden profile; a column's associations are those, of some rows drawn for
each, whose profiles match best. A few columns hold most of them. The similarity of each
side enters as factors, so no matrix of all nodes is ever made.

Shape legend: M rows, S columns, T associations, r factors.
"""

from __future__ import annotations

import numpy as np
import torch

from model.data.similarities import Similarities

_PROFILE_LENGTH = 8
_DRAWN = 8  # rows of which one becomes an association
_NOISE = 0.3  # of what the similarities see of a profile
_ROWS = 0.8  # of all nodes


def large_network(
    n_nodes: int, n_associations: int, *, rank: int, seed: int
) -> tuple[Similarities, np.ndarray]:
    """The similarities, (M, r) and (S, r) factors, and the associations (T, 2) in random order."""
    rng = np.random.default_rng(seed)
    n_rows = round(_ROWS * n_nodes)
    sides = (n_rows, n_nodes - n_rows)
    profiles = [rng.standard_normal((n, _PROFILE_LENGTH), dtype=np.float32) for n in sides]
    codes = np.empty(0, dtype=np.int64)
    while len(codes) < n_associations:
        batch = min(500_000, 2 * (n_associations - len(codes)))
        # Squares of uniform numbers crowd near 0: those columns are the popular ones.
        columns = (rng.random(batch) ** 2 * sides[1]).astype(np.int64)
        drawn = rng.integers(n_rows, size=(batch, _DRAWN))
        match = np.einsum("bdl,bl->bd", profiles[0][drawn], profiles[1][columns])
        rows = drawn[np.arange(batch), match.argmax(axis=1)]
        codes = np.union1d(codes, rows * sides[1] + columns)
    codes = rng.permutation(codes)[:n_associations]
    factors = [_factors(profile, rank, rng) for profile in profiles]
    return Similarities(*factors), np.stack(np.divmod(codes, sides[1]), axis=1)


def _factors(profiles: np.ndarray, rank: int, rng: np.random.Generator) -> torch.Tensor:
    noise = rng.standard_normal(profiles.shape, dtype=np.float32)
    seen = profiles + np.float32(_NOISE) * noise
    projection = rng.standard_normal((_PROFILE_LENGTH, rank), dtype=np.float32)
    return torch.as_tensor(seen @ projection / np.float32(np.sqrt(rank * _PROFILE_LENGTH)))
