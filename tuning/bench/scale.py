"""`bench scale`: how an epoch's time and the memory grow with the network."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np

from tuning.bench.measuring import Figure, document

ASSOCIATIONS_A_NODE = 10
LARGEST = 100_000  # nodes
RANK = 64  # factors of a side's similarity
BOTH_UP_TO = 20_000_000  # pairs of a network that is measured dense and sparse
_HELD_OUT = 0.01
_SAMPLED = 100_000  # unknown pairs, for the AUC
_TOP = 100
_RANKED = 10_000_000  # pairs of which the best are looked for, to time it
_UNCOUNTED = 2  # epochs before those that are timed

# Repeats and unit of a figure.
_Measured = dict[str, tuple[list[float], str]]


def bench_scale(
    sizes: Sequence[int], repeats: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """One fold of the default configuration on one thread, on networks of ``sizes`` associations.

    Each in a process of its own, whose peak memory is that of the data, training and scoring.
    """
    figures = []
    ratios = {}
    seconds = {}
    for size in sizes:
        nodes = min(size // ASSOCIATIONS_A_NODE, LARGEST)
        name = f"{size:,} associations, {nodes:,} nodes"
        progress(name)
        found = _in_own_process(size, nodes, repeats, None)
        figures += [Figure.of(f"{name}: {key}", *values) for key, values in found.items()]
        seconds[size] = median(found["epoch"][0])
        if _pairs(nodes) <= BOTH_UP_TO:
            dense, sparse = (
                median(_in_own_process(size, nodes, repeats, kind)["epoch"][0])
                for kind in (True, False)
            )
            ratios[f"{name}: sparse / dense"] = sparse / dense
    for size in sizes[1:]:
        ratios[f"time per association, {size:,} / {sizes[0]:,}"] = (
            seconds[size] / size / (seconds[sizes[0]] / sizes[0])
        )
    return document(figures, ratios)


def _pairs(nodes: int) -> int:
    return round(0.8 * nodes) * round(0.2 * nodes)


def _in_own_process(size: int, nodes: int, repeats: int, dense: bool | None) -> _Measured:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, size, nodes, repeats, dense).result()


def measure(size: int, nodes: int, repeats: int, dense: bool | None) -> _Measured:
    """Train and score one network.

    Args:
        dense: the representation; None for the one that the trainer chooses.
    """
    import torch

    from model.data.large_synthetic import large_network
    from model.network.autoencoder import Configuration
    from model.training.batched import representation
    from model.training.batched.trainer import BatchedTrainer

    torch.set_num_threads(1)
    if dense is not None:
        representation.DENSE_CELLS = nodes**2 if dense else 0
    similarities, pairs = large_network(nodes, size, rank=RANK, seed=0)
    held_out, training = np.split(pairs, [round(_HELD_OUT * size)])
    trainer = BatchedTrainer(Configuration(), similarities, [training], [0])
    seconds = []
    for _ in range(_UNCOUNTED + repeats):
        started = time.perf_counter()
        float(trainer.train_epoch())
        seconds.append(time.perf_counter() - started)
    figures = {"epoch": (seconds[_UNCOUNTED:], "s")}
    if dense is None:
        figures |= _ranking(trainer, pairs, held_out)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # of KiB, on Linux
        figures["peak memory"] = ([peak], "GiB")
    return figures


def _ranking(trainer: Any, pairs: np.ndarray, held_out: np.ndarray) -> _Measured:
    from model.training.large_ranking import sample_unknown, sampled_auc, top_unknown

    sides = trainer.sides
    known = np.sort(pairs @ [sides[1], 1])

    def score(node_pairs: np.ndarray) -> np.ndarray:
        return np.asarray(trainer.probabilities(slice(0, 1), node_pairs)[0].cpu())

    sampled = sample_unknown(np.random.default_rng(0), _SAMPLED, sides, known)
    auc, error = sampled_auc(score(held_out.T + [[0], [sides[0]]]), score(sampled))
    rows = min(sides[0], max(1, _RANKED // sides[1]))
    started = time.perf_counter()
    top_unknown(score, sides, known, _TOP, rows=range(rows))
    seconds = time.perf_counter() - started
    return {
        "pairs ranked": ([rows * sides[1] / 1e6 / seconds], "million / s"),
        f"AUC after {trainer.epoch} epochs": ([auc], ""),
        "its standard error": ([error], ""),
    }
