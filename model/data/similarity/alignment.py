"""Sequences by their alignments: s(a, b) / sqrt(s(a, a) s(b, b)), s a score of Biopython's aligner.

Local scores are those of Smith and Waterman, global ones of Needleman and Wunsch, both with affine
gaps. Proteins are scored as blastp does (BLOSUM62, gaps 12 and 1), nucleic acids as blastn does
(match 2, mismatch -3, gaps 7 and 2). Below 0, which global scores reach, there is nothing in
common: 0.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from model.data.similarity.interface import Advance, Columns, Similarity, Way, exact, needed
from model.data.similarity.sequences import Sequences, read_sequences
from model.errors import Problems

SOON = 10**9  # cells of all alignments, some 20 seconds: more are shared by all cores


class AlignmentSettings(Columns):
    """Of alignments."""

    mode: Literal["local", "global"] = Field("local", description="local or global")


def similarity(files: Sequence[Path], settings: AlignmentSettings, advance: Advance) -> Similarity:
    """Normalised alignment scores of the sequences in a FASTA file or a table.

    ``advance`` counts cells: the product of the lengths of each two sequences.
    """
    with needed("Biopython"):
        import Bio.Align  # noqa: F401

    (path,) = files
    sequences = read_sequences(path, settings)
    texts = sequences.texts
    scoring = "blastn" if sequences.are_nucleic else "blastp"
    own = np.array([score(scoring, settings.mode, text, text) for text in texts])
    _check_own(sequences, own)
    scores = np.zeros((len(texts), len(texts)))
    lengths = np.array([len(text) for text in texts])
    cells = lengths * np.cumsum(lengths[::-1])[::-1]  # of each row, from the diagonal on
    done = 0
    for row, found in _rows(scoring, settings.mode, texts, int(cells.sum())):
        scores[row, row:] = scores[row:, row] = found
        done += int(cells[row])
        advance(done, int(cells.sum()))
    said = (
        f"{settings.mode} alignments as {scoring} scores them (Biopython), each score over the root"
        " of the product of both sequences' own"
    )
    values = exact(scores / np.sqrt(np.outer(own, own)))
    return Similarity(sequences.names, values, (*sequences.said, said))


def score(scoring: str, mode: str, first: str, second: str) -> float:
    """Score of the best alignment of two sequences."""
    return float(_aligner(scoring, mode).score(first, second))


@cache
def _aligner(scoring: str, mode: str) -> Any:
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner(scoring=scoring)
    aligner.mode = mode
    return aligner


def _check_own(sequences: Sequences, own: np.ndarray) -> None:
    problems = Problems()
    for name, where, value in zip(sequences.names, sequences.places, own, strict=True):
        if value <= 0:
            problems.add(
                f"the sequence of {name!r} scores {value:g} against itself, so nothing can be"
                " compared to it",
                where=where,
                hint="it is of unknown residues: give another, or leave the thing out",
            )
    problems.raise_any()


def _row(task: tuple[str, str, int]) -> tuple[int, list[float]]:
    scoring, mode, row = task
    return row, [score(scoring, mode, _texts[row], other) for other in _texts[row:]]


_texts: tuple[str, ...] = ()  # of this process


def _begin(texts: tuple[str, ...]) -> None:
    global _texts
    _texts = texts


def _begin_worker(texts: tuple[str, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits ends the pool
    _begin(texts)


def _rows(
    scoring: str, mode: str, texts: tuple[str, ...], cells: int
) -> Iterator[tuple[int, list[float]]]:
    """Scores of each row from the diagonal on, by all cores where there is much to do."""
    tasks = [(scoring, mode, row) for row in range(len(texts))]
    cores = min(_cores(), len(texts))
    if cells <= SOON or cores == 1:
        _begin(texts)
        yield from map(_row, tasks)
        return
    # Not by fork: this process may have threads, whose locks a copy would keep for ever.
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"), _begin_worker, (texts,))
    try:
        yield from pool.map(_row, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Those that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity else os.cpu_count() or 1


ALIGNMENT = Way(
    meaning="sequences by their best alignments, local or global, normalised (needs Biopython)",
    files=("FASTA",),
    settings=AlignmentSettings(),
    make=similarity,
)
