"""Which names are spelt alike, and what the name of a miRNA says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from model.data.kinds import Kinds
from model.errors import InputError

_COPY_NUMBER = re.compile(r"(-(?:mir|let)-\d+[a-z]*)-\d+$", re.IGNORECASE)
_ANY_COPY_NUMBER = re.compile(r"((?:^|-)(?:mir|let))-?(\d+[a-z]*)(?:-\d+)?$")
_CLOSE = 0.8  # of 1, difflib's ratio; below it a guess is rarely what was meant


def mature_name(name: str) -> str:
    """Name of the mature miRNA that a precursor makes.

    ``hsa-mir-124-1`` and ``hsa-mir-124-2`` both give ``hsa-mir-124``; a name without a copy number
    is returned as it is. Only the name is read: nothing says that the two associations of such
    twins were measured apart, which is why a split must know them.
    """
    return _COPY_NUMBER.sub(r"\1", name)


def precursor_labels(names: Sequence[str]) -> list[str]:
    """For each name a label, equal for precursors of one mature miRNA, however they are spelt.

    Without the species (``mir-16-1``), in mixed case (``hsa-miR-124-2``) and with other separators
    (``hsa_mir_16_1``, ``miR16-1``). The label is the `mature_name` of the group's first, so
    that of plainly spelt names is what it always was.
    """
    first: dict[str, str] = {}
    return [first.setdefault(_precursor_key(name), mature_name(name)) for name in names]


def twin_groups(names: Sequence[str]) -> list[tuple[int, ...]]:
    """Positions of precursors of one mature miRNA, a tuple for each group of two or more."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(precursor_labels(names)):
        rows[label].append(row)
    return [tuple(group) for group in rows.values() if len(group) > 1]


def spelling(name: str) -> str:
    """The name without what people spell in many ways: case, and ``_`` or a space for ``-``."""
    return re.sub(r"[_\s\u2010-\u2015\u2212-]+", "-", name.strip().casefold())


def close_names(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Names that ``name`` may be a misspelling of, the closest first."""
    by_spelling = {spelling(known): known for known in names}
    same = by_spelling.get(spelling(name))
    if same is not None:
        return [same]
    close = get_close_matches(spelling(name), by_spelling, n=most, cutoff=_CLOSE)
    return [by_spelling[one] for one in close]


def mend_of_name(
    name: str, kinds: Kinds, names: tuple[Collection[str], Collection[str]], side: int
) -> str:
    """What to do about a name that is not among those of a side.

    Args:
        names: of both sides.
        side: 0 for the rows, 1 for the columns.
    """
    if name in names[1 - side]:
        return f"it is the name of {kinds[1 - side].one}"
    if close := close_names(name, names[side]):
        return f"did you mean {', '.join(close)}?"
    shown = ", ".join(list(names[side])[:3])
    return f"the {kinds[side].plural} are {shown}{', ...' if len(names[side]) > 3 else ''}"


def unknown_name(
    name: str, kinds: Kinds, names: tuple[Collection[str], Collection[str]], where: str
) -> InputError:
    """What to raise for a name of neither side: it is of the side where names come close.

    Args:
        names: of both sides.
    """
    close = [close_names(name, side) for side in names]
    found = [f"{one} ({kinds[side].name})" for side in (0, 1) for one in close[side]]
    if found and not all(close):
        side = 0 if close[0] else 1
        hint = f"did you mean {', '.join(close[side])}?"
        return InputError(f"unknown {kinds[side].name} {name!r}", where=where, hint=hint)
    some = "; ".join(
        f"the {kind.plural} are {', '.join([*side][:3])}{', ...' if len(side) > 3 else ''}"
        for kind, side in zip(kinds, names, strict=True)
    )
    hint = f"did you mean {', '.join(found)}?" if found else some
    message = f"{name!r} is neither {kinds[0].one} nor {kinds[1].one}"
    return InputError(message, where=where, hint=hint)


def _precursor_key(name: str) -> str:
    key, count = _ANY_COPY_NUMBER.subn(r"\1-\2", spelling(name))
    return key if count else name  # no miRNA by its name: spellings of it may be other things
