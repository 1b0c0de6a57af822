"""From sources and choices to the parts of a data set, with all that was understood and changed.

Shape legend: n_0 rows and n_1 columns of the associations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data.importing.associations import associations_of
from model.data.importing.candidates import Matrix, Origin, Pairs
from model.data.importing.choices import Choices, means
from model.data.importing.matching import ends_of, match
from model.data.importing.numbered import with_names
from model.data.importing.roles import Piece, described, roles_of
from model.data.importing.sides import Side, sides_of, similarity_of
from model.data.importing.sources import read_sources
from model.errors import InputError, Problems


@dataclass(frozen=True)
class Understood:
    """What a data set is made of, and what has to be said of it.

    Args:
        kinds: of the rows and of the columns, in the singular.
        names: n_0 and n_1.
        associations: (n_0, n_1) 0/1.
        similarities: (n_0, n_0) and (n_1, n_1), symmetric; None for a side without one.
        files: name and SHA-256 of each file that was read.
        notes: what was understood, a line each.
        changes: what is other than in the files, a line each.
    """

    kinds: tuple[str, str]
    names: tuple[tuple[str, ...], tuple[str, ...]]
    associations: np.ndarray
    similarities: tuple[np.ndarray | None, np.ndarray | None]
    files: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True)
class _Network:
    """One reading of the associations: sides, matrix and lines, in the order of the data set."""

    source: Pairs | Matrix
    sides: tuple[Side, Side]
    associations: np.ndarray
    is_turned: bool
    notes: list[str]
    changes: list[str]


def understand(paths: Sequence[Path], choices: Choices) -> Understood:
    """Read files and folders and make out what they are.

    Raises:
        InputError: something is missing, amiss or cannot be seen; all problems at once, each with
            the flag that mends it.
    """
    sources = read_sources(
        paths,
        own_kinds=choices.own_kinds,
        encoding=choices.encoding,
        columns=choices.columns,
        of=_file_of_columns(paths, choices),
    )
    roles = roles_of(sources.candidates, choices)
    problems = Problems()
    network = _agreed(roles.associations, roles.pieces, choices, problems)
    changes = list(network.changes)
    for side in network.sides:
        changes += _renamed(side)
    similarities = [similarity_of(side, choices, problems, changes) for side in network.sides]
    problems.raise_any()
    first, second = network.sides
    return Understood(
        (first.kind, second.kind),
        (first.names, second.names),
        network.associations,
        (similarities[0], similarities[1]),
        tuple((path.name, digest) for path, digest in sources.hashes.items()),
        (*_lines(network), *network.notes, *roles.notes, *sources.notes),
        tuple(changes),
    )


def _file_of_columns(paths: Sequence[Path], choices: Choices) -> Path | None:
    """The file that --columns are of: that of --associations, or the only one there is."""
    if choices.columns is None:
        return None
    files = [file for path in paths for file in (path.iterdir() if path.is_dir() else [path])]
    if choices.associations is not None:
        name = choices.associations
        files = [
            file
            for file in files
            if means(name, Origin(file)) or means(name.rpartition(":")[0], Origin(file))
        ]
    if len(files) != 1:
        raise InputError(
            "it cannot be seen of which file they are",
            where=f"--columns {','.join(choices.columns)}",
            hint="name the file of the associations: --associations FILE",
        )
    return files[0]


def _agreed(
    candidates: list[Pairs | Matrix], pieces: list[Piece], choices: Choices, problems: Problems
) -> _Network:
    """The network that the one candidate gives, or that all give alike."""
    networks: list[_Network] = []
    errors: list[InputError] = []
    for candidate in candidates:
        own_problems = Problems()
        try:
            network = _network(candidate, pieces, choices, own_problems)
            if len(candidates) > 1:
                own_problems.raise_any()
        except InputError as error:
            errors.append(error)
        else:
            networks.append(network)
            if len(candidates) == 1:
                with problems.gathered():
                    own_problems.raise_any()
    if errors and (not networks and len({error.message for error in errors}) == 1):
        raise errors[0]
    if errors or any(not _same(networks[0], other) for other in networks[1:]):
        told = "; ".join(described(one) for one in candidates)
        raise InputError(
            f"{len(candidates)} of the sources may be the associations, and they do not say the"
            f" same: {told}",
            hint=f"say which: --associations '{candidates[0].origin}'",
        )
    alike = [str(network.source.origin) for network in networks[1:]]
    if alike:
        networks[0].notes.append(f"the same associations are in {', '.join(alike)}")
    return networks[0]


def _same(one: _Network, other: _Network) -> bool:
    names = all(a.names == b.names for a, b in zip(one.sides, other.sides, strict=True))
    return names and np.array_equal(one.associations, other.associations)


def _network(
    source: Pairs | Matrix, pieces: list[Piece], choices: Choices, problems: Problems
) -> _Network:
    notes: list[str] = []
    changes: list[str] = []
    if isinstance(source, Pairs):
        source = with_names(source, pieces, notes)
    ends = ends_of(source, pieces, choices)
    found = match(ends, pieces, choices)
    sides = sides_of(source, ends, pieces, found, problems, notes)
    matrix = associations_of(source, ends, sides, choices, problems, changes)
    if isinstance(source, Pairs) and source.ignored:
        notes.append(f"columns of {source.origin} that are not used: {', '.join(source.ignored)}")
    if found.is_turned:
        return _Network(source, (sides[1], sides[0]), matrix.T, True, notes, changes)
    return _Network(source, (sides[0], sides[1]), matrix, False, notes, changes)


def _renamed(side: Side) -> list[str]:
    if not side.names_from:
        return [f"names were made for the {side.kind} side: {side.names[0]!r} and so on"]
    new = [name for name, raw in zip(side.names, side.raw, strict=True) if name != raw]
    if not new:
        return []
    shown = ", ".join(repr(name) for name in new[:3]) + (", ..." if len(new) > 3 else "")
    return [
        f"names of {side.kind} that stand several times were made distinct ({len(new)}: {shown});"
        " if they are one thing, --groups keeps its rows together"
    ]


def _has_names(one: Pairs | Matrix | None, side: Side) -> bool:
    """Whether a matrix says which of its rows or columns is which thing of the side."""
    if not isinstance(one, Matrix):
        return True
    named = [names for names in (one.row_names, one.column_names) if names]
    return any(set(side.raw) & set(names) for names in named)


def _lines(network: _Network) -> list[str]:
    """What was understood: the associations, then each side."""
    first, second = network.sides
    source = network.source
    matrix = network.associations
    if isinstance(source, Pairs):
        cells = "numbers" if source.are_numbers and source.ends[0][0] not in first.raw else "names"
        header = f"under the header {', '.join(source.header)}" if source.header else "no header"
        form = f"a list of {len(source.lines)} pairs of {cells}, {header}"
    else:
        rows, columns = source.values.shape
        named = "with names" if source.row_names or source.column_names else "without names"
        form = f"a matrix of {rows} x {columns} {named}"
    turned = ", turned round" if network.is_turned else ""
    lines = [
        f"associations: {source.origin}, {form}{turned}: {int(matrix.sum())} known pairs of"
        f" {matrix.shape[0]} x {matrix.shape[1]}, {first.kind} by {second.kind}"
    ]
    for side, degrees in ((first, matrix.sum(axis=1)), (second, matrix.sum(axis=0))):
        similarity = (
            f"similarity from {side.similarity.origin}"
            if side.similarity
            else "no similarity: known by their associations alone"
        )
        alone = int((degrees == 0).sum())
        more = f"; {alone} without an association" if alone else ""
        names = f"names from {side.names_from}" if side.names_from else "names made"
        if side.names_from and not all(_has_names(one, side) for one in (source, side.similarity)):
            names += ", in whose order is taken what has none"
        lines.append(f"{side.kind}: {len(side.names)}, {names}, {similarity}{more}")
    return lines
