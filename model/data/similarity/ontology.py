"""Diseases by the terms of their ontology: the semantic similarity of Wang et al.

A term t above a disease d contributes D_d(t) = decay to the power of the shortest way from d up to
t, and d itself 1. With T_d the terms at or above d,

    S(a, b) = sum over t in T_a and T_b of (D_a(t) + D_b(t)) / (sum of D_a + sum of D_b)

(Wang et al., Bioinformatics 23, 2007; 26, 2010, where decay is 0.5 for MeSH). A thing with several
terms stands for all of them: the shortest way from any counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
from pydantic import Field

from model.data.names import close_names, spelling
from model.data.readers import check_names, place, read_text
from model.data.similarity.annotations import member_matrix, read_annotations
from model.data.similarity.interface import Advance, Columns, Similarity, Way, exact
from model.data.similarity.tables import read_any_table
from model.errors import InputError, Problems


class OntologySettings(Columns):
    """Of the semantic similarity."""

    decay: float = Field(0.5, gt=0, lt=1, description="what a step up leaves of a contribution")


def similarity(files: Sequence[Path], settings: OntologySettings, advance: Advance) -> Similarity:
    """Semantic similarity of things by their terms, or of terms.

    Args:
        files: a table of things and their terms, or a ``.txt`` with a term a line, each then a
            thing of that name; and the ontology, a table under the header ``child,parent``.
    """
    terms_path, parents_path = files
    problems = Problems()
    terms: dict[str, dict[str, str]] = {}
    parents: dict[str, list[str]] = {}
    with problems.gathered():
        terms, said = _read_terms(terms_path, settings)
    with problems.gathered():
        parents = read_parents(parents_path)
    if terms and parents:
        _check_known(terms, parents, parents_path, problems)
    problems.raise_any()
    values = semantic_similarity(
        [contributions(own, parents, settings.decay) for own in terms.values()]
    )
    advance(1, 1)
    ontology = f"{parents_path.name}: {len(parents)} terms; semantic similarity of Wang et al."
    return Similarity(tuple(terms), values, (said, f"{ontology}, decay {settings.decay:g}"))


def read_parents(path: Path) -> dict[str, list[str]]:
    """The parents of every term of an ontology; none for a term at its top.

    Raises:
        InputError: no columns ``child`` and ``parent``, an empty cell, or terms that are above
            themselves.
    """
    table = read_any_table(path)
    header = [spelling(cell) for cell in table.rows[0]]
    if "child" not in header or "parent" not in header:
        raise InputError(
            f"the header {table.delimiter.join(table.rows[0])!r} does not say which term is which",
            where=place(path, row=table.lines[0]),
            hint="put the line `child,parent` before the pairs (with tabs in a .tsv)",
        )
    child_column, parent_column = header.index("child"), header.index("parent")
    parents: defaultdict[str, list[str]] = defaultdict(list)
    problems = Problems()
    for row, line in zip(table.rows[1:], table.lines[1:], strict=True):
        child, parent = row[child_column].strip(), row[parent_column].strip()
        if not child or not parent:
            problems.add(
                f"there is no {'parent' if child else 'child'}",
                where=place(path, row=line),
                hint="leave the row out; a term at the top stands in no row as a child",
            )
        elif parent not in parents[child]:
            parents[child].append(parent)
            parents[parent]  # is a term, too
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        problems.add(
            f"terms are above themselves: {' < '.join(error.args[1][::-1])}",
            where=str(path),
            hint="remove one of these pairs",
        )
    problems.raise_any()
    return dict(parents)


def contributions(
    terms: Iterable[str], parents: Mapping[str, Sequence[str]], decay: float
) -> dict[str, float]:
    """D_d(t) of every term at or above a thing's own terms."""
    found: dict[str, float] = {}
    level, value = list(terms), 1.0
    while level:
        found.update({term: value for term in level})
        above = {parent for term in level for parent in parents[term]}
        level, value = sorted(above - found.keys()), value * decay
    return found


def semantic_similarity(contributions: Sequence[dict[str, float]]) -> np.ndarray:
    """(n, n) S(a, b) of the things with these contributions."""
    given = member_matrix(contributions)
    shared = (given @ (given > 0).astype(np.float64).T).toarray()  # of D_a over T_a and T_b
    totals = shared.diagonal()
    return exact((shared + shared.T) / (totals[:, None] + totals))


def _read_terms(path: Path, settings: OntologySettings) -> tuple[dict[str, dict[str, str]], str]:
    if path.suffix.lower() != ".txt" or "\t" in (text := read_text(path)):
        return read_annotations(path, settings)
    lines = [(row, line.strip()) for row, line in enumerate(text.splitlines(), start=1)]
    kept = [(row, line) for row, line in lines if line]
    check_names([line for _, line in kept], "term", lambda i: place(path, row=kept[i][0], column=1))
    terms = {line: {line: place(path, row=row)} for row, line in kept}
    return terms, f"{path.name}: {len(terms)} terms, each a thing of that name"


def _check_known(
    terms: Mapping[str, Mapping[str, str]],
    parents: Mapping[str, Sequence[str]],
    path: Path,
    problems: Problems,
) -> None:
    for name, own in terms.items():
        for term, where in own.items():
            if term not in parents:
                close = [] if problems.are_many else close_names(term, parents)
                of_thing = "" if term == name else f" of {name!r}"
                problems.add(
                    f"the term {term!r}{of_thing} is not in {path.name}",
                    where=where,
                    hint=f"did you mean {', '.join(close)}?"
                    if close
                    else "add its pairs there, or leave the thing out",
                )


ONTOLOGY = Way(
    meaning="diseases (or what else has an ontology) by their terms: semantic similarity of Wang"
    " et al.",
    files=("TERMS", "PARENTS"),
    settings=OntologySettings(),
    make=similarity,
)
