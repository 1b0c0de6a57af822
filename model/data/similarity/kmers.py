"""Sequences by their k-mers: how often each word of k letters stands in them.

Cosine of the counts, or their Jaccard index, sum of the smaller counts over sum of the larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from model.data.similarity.interface import Advance, Columns, Similarity, Way, exact
from model.data.similarity.sequences import read_sequences
from model.errors import Problems


class KmerSettings(Columns):
    """Of k-mers."""

    k: int = Field(3, ge=1, le=12, description="letters of a word")
    measure: Literal["cosine", "jaccard"] = Field("cosine", description="cosine or jaccard")


def similarity(files: Sequence[Path], settings: KmerSettings, advance: Advance) -> Similarity:
    """Similarity of the k-mer counts of the sequences in a FASTA file or a table."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.metrics.pairwise import cosine_similarity, manhattan_distances

    (path,) = files
    sequences = read_sequences(path, settings)
    problems = Problems()
    for name, text, where in zip(sequences.names, sequences.texts, sequences.places, strict=True):
        if len(text) < settings.k:
            problems.add(
                f"the sequence of {name!r} has {len(text)} letters, no word of {settings.k}",
                where=where,
                hint=f"--set k={len(text)}, or leave the thing out",
            )
    problems.raise_any()
    words = CountVectorizer(analyzer="char", ngram_range=(settings.k,) * 2, lowercase=False)
    counts = words.fit_transform(sequences.texts).astype(np.float64)
    if settings.measure == "cosine":
        values = cosine_similarity(counts)
    else:
        totals = np.asarray(counts.sum(axis=1))
        apart = manhattan_distances(counts)  # what the larger counts have more than the smaller
        values = (totals + totals.T - apart) / (totals + totals.T + apart)
    advance(1, 1)
    said = f"counts of {counts.shape[1]} words of {settings.k} letters; {settings.measure}"
    return Similarity(sequences.names, exact(values), (*sequences.said, said))


KMERS = Way(
    meaning="sequences by the words of k letters in them: cosine or Jaccard index of the counts",
    files=("FASTA",),
    settings=KmerSettings(),
    make=similarity,
)
