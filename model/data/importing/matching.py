"""Which side of the associations each similarity and each list of names is of.

By names where both have them, by sizes where not, by words where a file's name or a header has one.
Shape legend: end 0 of the associations are their rows or first ends, end 1 their columns or second.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from model.data.importing.candidates import Matrix, Pairs
from model.data.importing.choices import Choices
from model.data.importing.roles import Piece
from model.data.importing.words import header_kind, same_kind
from model.errors import InputError, Problems

_SHARED = 0.5  # of the shorter list, from which on two lists of names are of one side
_MOST_PIECES = 12


@dataclass(frozen=True)
class End:
    """What the associations themselves say of one of their two ends.

    Args:
        names: distinct, in the order of appearance; None where things are numbered or nameless.
        size: of a matrix; None of a list.
        least: how many things there must be at least.
        kind: by a word that is known for one.
        words: the header's, whatever they are.
    """

    names: tuple[str, ...] | None
    size: int | None
    least: int
    kind: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class Match:
    """For each piece its end, and whether the ends change places in the data set."""

    ends: tuple[int, ...]
    kinds: tuple[str, str]
    is_turned: bool


def are_indices(pairs: Pairs, pieces: list[Piece]) -> bool:
    """Whether numbers in both columns are places in lists rather than names.

    They are names where a list has them, or where nothing is listed and they do not count through.
    """
    if not pairs.are_numbers:
        return False
    for end in pairs.ends:
        cells = set(end)
        for piece in pieces:
            if piece.names and len(cells & set(piece.names)) >= _SHARED * len(cells):
                return False
    if pieces:
        return True
    return all(
        {int(cell) for cell in end} in (set(range(n)), set(range(1, n + 1)))
        for end in pairs.ends
        if (n := len(set(end)))
    )


def ends_of(associations: Pairs | Matrix, pieces: list[Piece], choices: Choices) -> tuple[End, End]:
    """What is known of the two ends before any piece is."""
    if isinstance(associations, Matrix):
        rows, columns = associations.values.shape
        return (
            End(associations.row_names, rows, rows),
            End(associations.column_names, columns, columns),
        )
    indices = are_indices(associations, pieces)
    holds_0 = any("0" in cells for cells in associations.ends)
    starts_at_0 = choices.index_base == 0 or (choices.index_base is None and holds_0)
    ends = []
    for number, cells in enumerate(associations.ends):
        title = associations.header[number] if associations.header else ""
        kind, words = choices.kind_of(title), header_kind(title, choices.own_kinds)
        if indices:
            ends.append(End(None, None, max(map(int, cells)) + starts_at_0, kind, words))
        else:
            names = tuple(dict.fromkeys(cells))
            ends.append(End(names, None, len(names), kind, words))
    return ends[0], ends[1]


def match(ends: tuple[End, End], pieces: list[Piece], choices: Choices) -> Match:
    """The one way in which everything fits.

    Raises:
        InputError: something fits nowhere, several ways are as good, or nothing names the kinds.
    """
    if len(pieces) > _MOST_PIECES:
        raise InputError(
            f"{len(pieces)} similarities and lists of names are too many to part",
            hint="name the files that belong together one by one",
        )
    ways = [way for way in product((0, 1), repeat=len(pieces)) if _fits(way, ends, pieces)]
    if not ways:
        raise _misfit(ends, pieces)
    found = []
    problems = Problems()
    for way in ways:
        with problems.gathered():
            found.append(_named(way, ends, pieces, choices))
    if not found:
        problems.raise_any()
    if len(ways) > 1 and len(found) > 1:
        # Both columns may be either side: then the order of --kinds is what the user says of it.
        straight = [one for one in found if one.is_turned == choices.transpose]
        found = straight if choices.kinds is not None else found
    if len({one.ends for one in found}) > 1:
        raise _ambiguous(ends, pieces, choices)
    return found[0]


def _fits(way: tuple[int, ...], ends: tuple[End, End], pieces: list[Piece]) -> bool:
    for number, end in enumerate(ends):
        own = [piece for piece, side in zip(pieces, way, strict=True) if side == number]
        if not all(_belongs(piece, end) for piece in own):
            return False
        if len({piece.size for piece in own}) > 1:
            return False
        named = [set(piece.names) for piece in own if piece.names]
        if any(not _share(named[0], names) for names in named[1:]):
            return False
    for kind_0 in _kinds(0, way, ends, pieces):
        if any(same_kind(kind_0, kind_1) for kind_1 in _kinds(1, way, ends, pieces)):
            return False
    return all(_agree(_kinds(number, way, ends, pieces)) for number in (0, 1))


def _belongs(piece: Piece, end: End) -> bool:
    if piece.names and end.names:
        return _share(set(piece.names), set(end.names))
    return piece.size == end.size if end.size is not None else piece.size >= end.least


def _share(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= max(1, _SHARED * min(len(one), len(other)))


def _kinds(
    number: int, way: tuple[int, ...], ends: tuple[End, End], pieces: list[Piece]
) -> list[str]:
    own = [piece.kind for piece, side in zip(pieces, way, strict=True) if side == number]
    return [kind for kind in (ends[number].kind, *own) if kind]


def _agree(kinds: list[str]) -> bool:
    return all(same_kind(kinds[0], kind) for kind in kinds[1:])


def _named(
    way: tuple[int, ...], ends: tuple[End, End], pieces: list[Piece], choices: Choices
) -> Match:
    """The kinds of the rows and columns of the data set, if the pieces are at these ends."""
    seen = [next(iter(_kinds(number, way, ends, pieces)), None) for number in (0, 1)]
    if choices.kinds is None:
        words = [kind or end.words for kind, end in zip(seen, ends, strict=True)]
        if words[0] is None or words[1] is None or same_kind(words[0], words[1]):
            raise _nameless(ends, words)
        kinds = (words[1], words[0]) if choices.transpose else (words[0], words[1])
        return Match(way, kinds, choices.transpose)
    first, second = choices.kinds
    speaks = {
        turned
        for kind, straight_one, turned_one in ((seen[0], first, second), (seen[1], second, first))
        for turned, own in ((False, straight_one), (True, turned_one))
        if kind is not None and same_kind(kind, own)
    }
    if len(speaks) > 1 or (choices.transpose and speaks == {False}):
        raise InputError(
            f"the associations are of {seen[0] or 'something'} by {seen[1] or 'something'}, by"
            " headers and files' names",
            where=f"--kinds {first},{second}{' --transpose' if choices.transpose else ''}",
            hint="--kinds names the rows first, then the columns; leave --transpose out",
        )
    return Match(way, choices.kinds, choices.transpose or speaks == {True})


def _nameless(ends: tuple[End, End], words: list[str | None]) -> InputError:
    shown = [_shown(end) for end in ends]
    example = (words[0] or "gene", words[1] or ("drug" if words[0] != "drug" else "target"))
    return InputError(
        "what the two kinds of things are called cannot be seen: the rows or first ends are"
        f" {words[0] or shown[0]}, the columns or second ends {words[1] or shown[1]}",
        hint=f"name them in this order, for example --kinds {','.join(example)}",
    )


def _shown(end: End) -> str:
    if end.names is None:
        return f"{end.size} without names" if end.size else f"numbers up to {end.least}"
    names = ", ".join(repr(name) for name in end.names[:2])
    return f"{len(end.names)}, such as {names}"


def _misfit(ends: tuple[End, End], pieces: list[Piece]) -> InputError:
    """What is amiss, for each piece that fits neither end alone, else for all together."""
    problems = Problems()
    sides = f"the associations have {_shown(ends[0])} and {_shown(ends[1])}"
    for piece in pieces:
        if not any(_belongs(piece, end) for end in ends):
            such = f", such as {piece.names[0]!r}" if piece.names else ""
            problems.add(
                f"{piece.size} x {piece.size} values fit neither side"
                if isinstance(piece.content, Matrix)
                else f"{piece.size} names fit neither side",
                where=piece.content.origin.at(),
                hint=f"{sides}; this one has {piece.size}{such}. Is it complete? If it is of"
                " something else, leave it out of the sources",
            )
    try:
        problems.raise_any()
    except InputError as error:
        return error
    return InputError(
        f"these do not fit together: {', '.join(map(str, pieces))}; {sides}",
        hint="leave out what is of something else; --similarity KIND=FILE and --names KIND=FILE"
        " say of which kind a file is",
    )


def _ambiguous(ends: tuple[End, End], pieces: list[Piece], choices: Choices) -> InputError:
    kinds = list(dict.fromkeys(piece.kind for piece in pieces if piece.kind))
    if choices.kinds is None and len(kinds) == 2:
        return InputError(
            f"which of {kinds[0]} and {kinds[1]} comes first in the associations cannot be seen:"
            f" {_shown(ends[0])}, and {_shown(ends[1])} fit either",
            hint=f"name the first before the second: --kinds {','.join(kinds)}, or the other way"
            " round",
        )
    one = next((piece for piece in pieces if piece.kind is None), pieces[0])
    option = "--similarity" if isinstance(one.content, Matrix) else "--names"
    kind = choices.kinds[0] if choices.kinds else "KIND"
    return InputError(
        f"{one} may be of either side: {_shown(ends[0])}, and {_shown(ends[1])}",
        where=one.content.origin.at(),
        hint=f"say of which: {option} {kind}={one.content.origin}",
    )
