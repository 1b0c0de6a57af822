"""Which pairs the scores of the folds are of: the part of a ranking that no training changes.

Shape legend: K folds, H and U held-out associations and other pairs of one fold, N nodes of one
side that have pairs of both kinds, each counted once for every fold in which it has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

Pairs = Sequence[np.ndarray]


@dataclass(frozen=True, eq=False)
class OwnPairs:
    """Where the scores of each node's own pairs are, among those of all folds one after another.

    Shapes: held_out (N, most of a node) and unknown likewise, padded with the number of scores of
    that kind; n_held_out and n_unknown (N, 1), without padding; of_fold (K, most nodes of a fold),
    which of the N are in a fold, padded with N; n_nodes (K,).
    """

    held_out: Tensor
    unknown: Tensor
    n_held_out: Tensor
    n_unknown: Tensor
    of_fold: Tensor
    n_nodes: Tensor


class RankedPairs:
    """The ranked pairs of K folds, with those of each node put together. Made once for a training.

    Args:
        held_out: of each fold (2, H) node pairs, ``unknown`` likewise (2, U). A pair is that of its
            lower node's row and of its higher node's column: miRNAs are numbered first.
    """

    def __init__(self, held_out: Pairs, unknown: Pairs, *, device: str = "cpu") -> None:
        self.held_out = [torch.as_tensor(pairs, device=device) for pairs in held_out]
        self.unknown = [torch.as_tensor(pairs, device=device) for pairs in unknown]
        self.of_rows = _own_pairs(held_out, unknown, np.min, device)
        self.of_columns = _own_pairs(held_out, unknown, np.max, device)


def _own_pairs(
    held_out: Pairs, unknown: Pairs, node: Callable[..., np.ndarray], device: str
) -> OwnPairs:
    sides = [[node(pairs, axis=0) for pairs in of_folds] for of_folds in (held_out, unknown)]
    nodes = [np.intersect1d(*of_fold) for of_fold in zip(*sides, strict=True)]
    n_nodes = np.array([len(of_fold) for of_fold in nodes])
    indices, sizes = [], []
    for side in sides:
        offsets = np.cumsum([0, *(len(of_fold) for of_fold in side)])
        orders = [np.argsort(of_fold, kind="stable") for of_fold in side]
        places = [
            offset + order[slice(*np.searchsorted(of_fold[order], [one, one + 1]))]
            for offset, order, of_fold, wanted in zip(offsets, orders, side, nodes, strict=False)
            for one in wanted
        ]
        indices.append(_padded(places, int(offsets[-1])))
        sizes.append(np.array([[len(one)] for one in places], dtype=np.float64).reshape(-1, 1))
    of_fold = np.split(np.arange(n_nodes.sum()), n_nodes.cumsum()[:-1])
    arrays = (*indices, *sizes, _padded(of_fold, int(n_nodes.sum())), n_nodes)
    return OwnPairs(*(torch.as_tensor(array, device=device) for array in arrays))


def _padded(rows: Sequence[np.ndarray], padding: int) -> np.ndarray:
    """(len(rows), longest) the rows one below another; at least one column."""
    sizes = np.array([len(row) for row in rows], dtype=np.int64)
    table = np.full((len(rows), max(sizes, default=0) or 1), padding)
    table[np.arange(table.shape[1]) < sizes[:, None]] = np.concatenate([*rows, np.empty(0, int)])
    return table
