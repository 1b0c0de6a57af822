"""The names of each side, and its similarity, once it is known what belongs to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.data.datasets import ROUNDING, SYMMETRY_TOLERANCE
from model.data.importing.candidates import Matrix, NameList, Pairs
from model.data.importing.choices import Choices
from model.data.importing.matching import End, Match
from model.data.importing.missing import without_missing
from model.data.importing.roles import Piece
from model.errors import Problems


@dataclass(frozen=True)
class Side:
    """One end of the associations.

    Args:
        kind: what its things are called.
        names: distinct, in order.
        raw: the names as they stand in the files, which may be repeated.
        similarity: its file's, of which rows and columns are in the order of the names; or None.
        first_number: of a list that numbers its names, 0 or 1; else None.
        names_from: where the names come from, in words; "" if they are made.
        is_known: whether the number of things is known, not only the largest that was named.
    """

    kind: str
    names: tuple[str, ...]
    raw: tuple[str, ...]
    similarity: Matrix | None
    first_number: int | None
    names_from: str
    is_known: bool

    @property
    def repeated(self) -> set[str]:
        """Raw names that several rows have."""
        return {name for name, count in Counter(self.raw).items() if count > 1}


def sides_of(
    associations: Pairs | Matrix,
    ends: tuple[End, End],
    pieces: Sequence[Piece],
    match: Match,
    problems: Problems,
    notes: list[str],
) -> list[Side]:
    """Both sides in the order of the associations' ends; what is amiss is added to the problems."""
    kinds = match.kinds[::-1] if match.is_turned else match.kinds
    sides = []
    for number, (end, kind) in enumerate(zip(ends, kinds, strict=True)):
        own = [piece for piece, at in zip(pieces, match.ends, strict=True) if at == number]
        similarity = _only([p for p in own if isinstance(p.content, Matrix)], kind, problems, notes)
        listed = _list_of(own, kind, similarity, problems)
        matrix = similarity.content if similarity else None
        assert matrix is None or isinstance(matrix, Matrix)
        raw, names_from = _raw_names(associations, end, kind, similarity, listed, problems)
        raw = tuple(name.strip() for name in raw)
        for row, name in enumerate(raw, start=1):
            if not name or not name.isprintable():
                problems.add(
                    f"{name!r} cannot be the name of a {kind}", where=f"{names_from} {row}"
                )
        sides.append(
            Side(
                kind,
                distinct(raw),
                raw,
                matrix,
                listed.first_number if listed else None,
                names_from,
                bool(own) or isinstance(associations, Matrix),
            )
        )
    return sides


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with `` (2)``, `` (3)``, ... behind those that were there before."""
    taken = set(names)
    seen: set[str] = set()
    made = []
    for name in names:
        new, count = name, 1
        while new in seen or (count > 1 and new in taken):
            count += 1
            new = f"{name} ({count})"
        seen.add(new)
        made.append(new)
    return tuple(made)


def similarity_of(
    side: Side, choices: Choices, problems: Problems, changes: list[str]
) -> np.ndarray | None:
    """(n, n) the same in both directions; what is amiss is added to the problems."""
    if side.similarity is None:
        return None
    matrix = side.similarity
    where = matrix.origin.at()
    rows, columns = matrix.row_names, matrix.column_names
    if rows and columns and rows != columns and side.repeated:
        problems.add(
            f"rows and columns have other orders, in which {min(side.repeated)!r} stands twice",
            where=where,
            hint="give the rows and the columns in one order",
        )
        return None
    values = without_missing(
        matrix,
        _aligned(matrix),
        what=f"the {side.kind} similarity",
        become="0",
        choices=choices,
        problems=problems,
        changes=changes,
    )
    if values is None:
        return None
    if np.all(values.diagonal() == 100) and values.min() >= 0 and values.max() <= 100:
        values = values / 100
        changes.append(f"the {side.kind} similarity was in percent and was divided by 100")
    apart = np.triu(np.abs(values - values.T))
    largest, count = float(apart.max()), int((apart > SYMMETRY_TOLERANCE).sum())
    if not count:
        return values
    size = f"{count} pairs of cells, largest difference {largest:.6g}"
    if largest > ROUNDING and not choices.symmetrise:
        row, column = np.unravel_index(apart.argmax(), apart.shape)
        first, second = side.names[row], side.names[column]
        problems.add(
            f"the {side.kind} similarity is not symmetric ({size}: {first!r} to {second!r} is"
            f" {values[row, column]:.6g}, the other way round {values[column, row]:.6g})",
            where=where,
            hint="--symmetrise takes the mean of both directions",
        )
        return None
    changes.append(
        f"the mean of both directions made the {side.kind} similarity symmetric ({size})"
    )
    mean: np.ndarray = (values + values.T) / 2
    return mean


def _aligned(matrix: Matrix) -> np.ndarray:
    """The values with the columns in the order of the rows, by their names."""
    rows, columns = matrix.row_names, matrix.column_names
    if rows is None or columns is None or rows == columns:
        return matrix.values
    places = {name: place for place, name in enumerate(columns)}
    aligned: np.ndarray = matrix.values[:, [places[name] for name in rows]]
    return aligned


def _only(
    similarities: list[Piece], kind: str, problems: Problems, notes: list[str]
) -> Piece | None:
    """The one similarity of a side: the one that the user named, if there are several."""
    given = [piece for piece in similarities if piece.is_given]
    if len(similarities) > 1 and len(given) == 1:
        unused = [str(piece.content.origin) for piece in similarities if not piece.is_given]
        notes.append(f"not used: {', '.join(unused)}, {given[0].content.origin} is the similarity")
        return given[0]
    if len(similarities) > 1:
        files = [str(piece.content.origin) for piece in similarities]
        problems.add(
            f"{len(files)} similarities of {kind}: {', '.join(files)}",
            hint=f"say which: --similarity {kind}='{files[0]}'",
        )
    return similarities[0] if similarities else None


def _list_of(
    own: Sequence[Piece], kind: str, similarity: Piece | None, problems: Problems
) -> NameList | None:
    lists = [piece for piece in own if isinstance(piece.content, NameList)]
    for piece in lists:
        other = lists[0] if similarity is None or not similarity.names else similarity
        if set(piece.names or ()) != set(other.names or ()):
            apart = sorted(set(piece.names or ()) ^ set(other.names or ()))
            problems.add(
                f"its names of {kind} are not those of {other.content.origin}: {apart[0]!r} is in"
                " one alone",
                where=piece.content.origin.at(),
                hint="leave one of the two out of the sources",
            )
    content = lists[0].content if lists else None
    return content if isinstance(content, NameList) else None


def _raw_names(
    associations: Pairs | Matrix,
    end: End,
    kind: str,
    similarity: Piece | None,
    listed: NameList | None,
    problems: Problems,
) -> tuple[Sequence[str], str]:
    if similarity is not None and similarity.names:
        return similarity.names, f"{similarity.content.origin}"
    if listed is not None:
        header = f" under the header {listed.header}" if listed.header else ""
        return listed.names, f"{listed.origin}{header}"
    if end.names is not None:
        if similarity is not None and isinstance(associations, Pairs):
            problems.add(
                f"which row is which {kind} cannot be seen: neither this similarity nor another"
                " file has the names in its order",
                where=similarity.content.origin.at(),
                hint=f"give a file with the names, one a line: --names {kind}=FILE",
            )
        return end.names, f"{associations.origin}"
    size = similarity.size if similarity is not None else end.size or end.least
    return [f"{kind} {number + 1}" for number in range(size)], ""
