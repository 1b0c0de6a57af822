"""Things by their sets of annotations: the Jaccard index, shared ones over those of either."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.data.similarity.interface import Advance, Columns, Similarity, Way, exact
from model.data.similarity.tables import read_described
from model.errors import InputError, Problems

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_WORDS = ("annotation", "annotations", "term", "terms", "term-id", "go", "pathway", "mesh")
_BETWEEN = re.compile(r"[;|]")


class AnnotationSettings(Columns):
    """Of annotations: only which columns hold them."""


def read_annotations(path: Path, settings: Columns) -> tuple[dict[str, dict[str, str]], str]:
    """The annotations of each thing with the place of each, and what was understood.

    A table with one annotation a row, where a name stands as often as it has annotations, or with
    several in a cell, between ``;`` or ``|``.

    Raises:
        InputError: for all things without a name or an annotation, or where the header is missing.
    """
    described = read_described(path, settings, _WORDS, or_second=True)
    found: dict[str, dict[str, str]] = {}
    nowhere: dict[str, str] = {}
    problems = Problems()
    for name, text, where in zip(described.names, described.texts, described.places, strict=True):
        if not name:
            problems.add("there is no name", where=where, hint="name the thing")
            continue
        terms = [term.strip() for term in _BETWEEN.split(text) if term.strip()]
        found.setdefault(name, {}).update({term: where for term in terms})
        nowhere.setdefault(name, where)
    for name, own in found.items():
        if not own:
            problems.add(
                f"{name!r} has no annotation",
                where=nowhere[name],
                hint="give it at least one, or leave it out; without any it is like nothing",
            )
    problems.raise_any()
    count = len(set().union(*found.values()))
    return found, f"{described.said}; {len(found)} things, {count} annotations"


def similarity(files: Sequence[Path], settings: AnnotationSettings, advance: Advance) -> Similarity:
    """Jaccard index of the things' sets of annotations."""
    (path,) = files
    annotations, said = read_annotations(path, settings)
    if len(annotations) < 2:
        raise InputError("one thing alone is like nothing", where=str(path), hint="give more")
    member = member_matrix([dict.fromkeys(own, 1.0) for own in annotations.values()])
    shared = (member @ member.T).toarray()
    sizes = shared.diagonal()
    advance(1, 1)
    values = exact(shared / (sizes[:, None] + sizes - shared))
    return Similarity(tuple(annotations), values, (said, "Jaccard index of the sets"))


def member_matrix(sets: Sequence[Mapping[str, float]]) -> csr_array:
    """(n, terms) with the number that a set gives to a term, 0 where it does not hold it."""
    from scipy.sparse import csr_array

    terms = {term: place for place, term in enumerate(dict.fromkeys(t for s in sets for t in s))}
    rows = [row for row, one in enumerate(sets) for _ in one]
    columns = [terms[term] for one in sets for term in one]
    weights = [weight for one in sets for weight in one.values()]
    return csr_array((weights, (rows, columns)), shape=(len(sets), len(terms)), dtype=np.float64)


ANNOTATIONS = Way(
    meaning="things by their sets of annotations (GO terms, pathways, ...): Jaccard index",
    files=("TABLE",),
    settings=AnnotationSettings(),
    make=similarity,
)
