"""The associations of both sides as a matrix of 0 and 1.

Shape legend: n_0 and n_1 things at the two ends of the associations, K pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.data.importing.candidates import Matrix, Pairs
from model.data.importing.choices import Choices
from model.data.importing.matching import End
from model.data.importing.missing import without_missing
from model.data.importing.sides import Side
from model.data.names import close_names
from model.errors import Problems


def associations_of(
    source: Pairs | Matrix,
    ends: tuple[End, End],
    sides: Sequence[Side],
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> np.ndarray:
    """(n_0, n_1) 0/1; what is amiss is added to the problems, what was changed to the changes."""
    if isinstance(source, Matrix):
        return _of_matrix(source, ends, sides, choices, problems, changes)
    return _of_pairs(source, ends, sides, choices, problems, changes)


def _of_matrix(
    source: Matrix,
    ends: tuple[End, End],
    sides: Sequence[Side],
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> np.ndarray:
    values = without_missing(
        source,
        source.values,
        what="the associations",
        become="unknown pairs",
        choices=choices,
        problems=problems,
        changes=changes,
    )
    if values is None:
        return np.zeros([len(side.names) for side in sides], dtype=np.uint8)
    is_one = _above(values, source, choices, problems, changes)
    rows, columns = (
        np.arange(length) if end.names is None else _positions(end.names, side, problems, source)
        for length, end, side in zip(values.shape, ends, sides, strict=True)
    )
    found = np.argwhere(is_one)
    places = np.stack([rows[found[:, 0]], columns[found[:, 1]]])
    return _filled(places, source, ends, sides, choices, problems, changes)


def _of_pairs(
    source: Pairs,
    ends: tuple[End, End],
    sides: Sequence[Side],
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> np.ndarray:
    kept = np.ones(len(source.lines), dtype=bool)
    if source.weights is not None:
        weights = source.weights
        missing = ~np.isfinite(weights)
        if missing.any() and not choices.nan_as_0:
            problems.add(
                f"{int(missing.sum())} pairs have no weight",
                where=source.origin.at(row=source.lines[int(missing.argmax())]),
                hint="--nan-as-0 makes them unknown pairs",
            )
        kept = _above(np.where(missing, 0.0, weights), source, choices, problems, changes)
    base = _index_base(source, ends, sides, choices, problems)
    both = []
    for cells, end, side in zip(source.ends, ends, sides, strict=True):
        if end.names is not None:
            both.append(_positions(cells, side, problems, source))
            continue
        numbers = np.array([int(cell) for cell in cells]) - base
        for row in np.flatnonzero((numbers < 0) | (numbers >= len(side.names))).tolist():
            problems.add(
                f"{cells[row]} is the number of no {side.kind}; they are {base} to"
                f" {len(side.names) - 1 + base}",
                where=source.origin.at(row=source.lines[row]),
                hint="does counting begin with 0? --index-base 0 or 1 says",
            )
        both.append(np.clip(numbers, 0, len(side.names) - 1))
    places = np.stack(both)[:, kept]
    return _filled(places, source, ends, sides, choices, problems, changes)


def _above(
    values: np.ndarray,
    source: Pairs | Matrix,
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> np.ndarray:
    """Where there is an association."""
    unit = "cells" if isinstance(source, Matrix) else "pairs"
    if np.isin(values, (0, 1)).all():
        if isinstance(source, Pairs) and not values.all():
            changes.append(f"{int((values == 0).sum())} pairs with weight 0 are unknown pairs")
        return np.asarray(values == 1)
    low, high = float(values.min()), float(values.max())
    if choices.threshold is None:
        other = (
            f"--associations '{source.origin}' --columns 1,2 takes every pair, whatever its weight"
            if isinstance(source, Pairs)
            else "--threshold '<=30' takes small ones, such as dissociation constants"
        )
        problems.add(
            f"the associations have weights from {low:g} to {high:g}",
            where=source.origin.at(),
            hint=f"say from which weight on there is one, for example --threshold"
            f" {np.median(values[values != 0]):g}; {other}",
        )
        return np.asarray(values != 0)
    limit = choices.threshold
    above = np.asarray(values <= limit if choices.at_most else values >= limit)
    changes.append(
        f"weights from {low:g} to {high:g}: the {int(above.sum())} {unit} of {values.size} with"
        f" {limit:g} or {'less' if choices.at_most else 'more'} are associations"
    )
    return above


def _positions(
    cells: Sequence[str], side: Side, problems: Problems, source: Pairs | Matrix
) -> np.ndarray:
    """Where each name stands on its side, -1 for one that is not there."""
    names = [cell.strip() for cell in cells]
    if tuple(names) == side.raw:
        return np.arange(len(names))
    places = {name: place for place, name in enumerate(side.raw)}
    if repeated := sorted(side.repeated.intersection(names)):
        problems.add(
            f"which {side.kind} is meant cannot be seen: {repeated[0]!r} names several"
            + (f", and so do {len(repeated) - 1} more names" if len(repeated) > 1 else ""),
            where=source.origin.at(),
            hint=f"names have to be distinct in {side.names_from}",
        )
    return np.array([places.get(name, -1) for name in names])


def _filled(
    places: np.ndarray,
    source: Pairs | Matrix,
    ends: tuple[End, End],
    sides: Sequence[Side],
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> np.ndarray:
    """The matrix with 1 at these (2, K) places; those with a -1 are unlisted names."""
    for end, side in zip(ends, sides, strict=True):
        _tell_unlisted(end, side, source, choices, problems, changes)
    listed = (places >= 0).all(axis=0)
    if choices.drop_unlisted and not listed.all():
        changes.append(f"{int((~listed).sum())} associations of unlisted names were left out")
    matrix = np.zeros([len(side.names) for side in sides], dtype=np.uint8)
    matrix[tuple(places[:, listed])] = 1
    repeated = int(listed.sum()) - int(matrix.sum())
    if repeated:
        changes.append(f"pairs that stand several times were taken once ({repeated} repetitions)")
    if not matrix.any():
        problems.add("there is no association", where=source.origin.at())
    return matrix


def _tell_unlisted(
    end: End,
    side: Side,
    source: Pairs | Matrix,
    choices: Choices,
    problems: Problems,
    changes: list[str],
) -> None:
    known = set(side.raw)
    unlisted = [name for name in map(str.strip, end.names or ()) if name not in known]
    if unlisted and choices.drop_unlisted:
        shown = ", ".join(unlisted[:3]) + (", ..." if len(unlisted) > 3 else "")
        changes.append(
            f"{len(unlisted)} names of the associations that {side.names_from} does not list were"
            f" left out: {shown}"
        )
        return
    for name in unlisted:
        hint = ""
        if not problems.are_many:
            close = close_names(name, side.raw)
            hint = f"did you mean {', '.join(close)}? " if close else ""
            hint += "--drop-unlisted leaves associations of such names out"
        problems.add(
            f"{name!r} is not among the {len(known)} names of {side.kind} in {side.names_from}"
            if name
            else f"a {side.kind} has no name",
            where=source.origin.at(),
            hint=hint,
        )


def _index_base(
    source: Pairs,
    ends: tuple[End, End],
    sides: Sequence[Side],
    choices: Choices,
    problems: Problems,
) -> int:
    """The number of the first thing: said, or seen where a 0, a list or the largest number does."""
    if choices.index_base is not None:
        return choices.index_base
    numbered = [
        (list(map(int, cells)), side)
        for cells, end, side in zip(source.ends, ends, sides, strict=True)
        if end.names is None
    ]
    if not numbered or any(0 in numbers for numbers, _ in numbered):
        return 0
    firsts = {side.first_number for _, side in numbered} - {None}
    if len(firsts) == 1 and (first := firsts.pop()) is not None:
        return first
    if any(max(numbers) == len(side.names) for numbers, side in numbered if side.is_known):
        return 1
    if not any(side.is_known for _, side in numbered) and all(min(n) == 1 for n, _ in numbered):
        return 1
    problems.add(
        "whether counting begins with 0 or 1 cannot be seen: neither 0 nor the number of things is"
        " there",
        where=source.origin.at(),
        hint="--index-base 0 or --index-base 1",
    )
    return 1
