"""Pairs of numbers that stand beside the names in a list, without counting through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from model.data.importing.candidates import NameList, Pairs
from model.data.importing.roles import Piece
from model.errors import InputError


def with_names(pairs: Pairs, pieces: Sequence[Piece], notes: list[str]) -> Pairs:
    """The pairs with names for the numbers of an end, where one list alone has all of them.

    Raises:
        InputError: numbers could be those of a list, or places in it.
    """
    lists = [one.content for one in pieces if isinstance(one.content, NameList)]
    lists = [one for one in lists if one.numbers is not None]
    ends: list[list[str]] = []
    told: list[str] = []
    for cells in pairs.ends:
        fitting = [one for one in lists if set(cells) <= set(one.numbers or ())]
        if len(fitting) != 1:
            ends.append(cells)
            continue
        named = dict(zip(fitting[0].numbers or (), fitting[0].names, strict=True))
        ends.append([named[cell] for cell in cells])
        told.append(f"numbers of {pairs.origin} are those beside the names in {fitting[0].origin}")
    if lists and pairs.are_numbers and len(told) < len(ends):
        raise InputError(
            f"whether the numbers of {pairs.origin} are places in {lists[0].origin} or the numbers"
            " beside its names cannot be seen",
            where=pairs.origin.at(),
            hint="give the list without its numbers, or numbers that count through",
        )
    notes += told
    return replace(pairs, ends=(ends[0], ends[1]))
