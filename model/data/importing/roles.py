"""Which of the candidates may be the associations, and which belong to one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.data.datasets import ROUNDING
from model.data.importing.candidates import Candidate, Matrix, NameList, Pairs, Unclear
from model.data.importing.choices import Choices, means
from model.errors import InputError, Problems


@dataclass(frozen=True)
class Piece:
    """A similarity or a list of names, and the kind it is of where a word says so.

    Args:
        is_given: the user said of which kind it is.
    """

    content: Matrix | NameList
    kind: str | None
    is_given: bool = False

    @property
    def size(self) -> int:
        content = self.content
        return len(content.names) if isinstance(content, NameList) else len(content.values)

    @property
    def names(self) -> tuple[str, ...] | None:
        if isinstance(self.content, NameList):
            return self.content.names
        return self.content.row_names or self.content.column_names

    def __str__(self) -> str:
        what = "names" if isinstance(self.content, NameList) else "similarity"
        return f"{self.content.origin} ({what} of {self.size})"


@dataclass(frozen=True)
class Roles:
    """What may be the associations, and what belongs to a side; notes are lines to be told."""

    associations: list[Pairs | Matrix]
    pieces: list[Piece]
    notes: list[str]


def roles_of(candidates: list[Candidate], choices: Choices) -> Roles:
    """Part the candidates, by their shapes and values and by what the user says.

    Raises:
        InputError: nothing may be the associations, or a file that the user names was not read or
            cannot be what it is named for.
    """
    problems = Problems()
    given = _given(candidates, choices, problems)
    taken = {piece.content.origin for piece in given}
    rest = [one for one in candidates if one.origin not in taken]
    if choices.associations is not None:
        wanted = [one for one in rest if means(choices.associations, one.origin)]
        chosen = [one for one in wanted if isinstance(one, Pairs | Matrix)]
        _check_chosen(choices.associations, wanted, chosen, problems)
    else:
        chosen = [
            one
            for one in rest
            if isinstance(one, Pairs) or (isinstance(one, Matrix) and not is_similarity(one))
        ]
        if len(chosen) > 1:  # what could be names too is not needed as associations
            chosen = [one for one in chosen if not (isinstance(one, Pairs) and one.lines_as_names)]
    problems.raise_any()
    notes, pieces = [], list(given)
    for one in rest:
        kind = choices.kind_of(one.origin.part) or choices.kind_of(one.origin.path.stem)
        if any(one is other for other in chosen):
            continue
        if isinstance(one, Pairs) and one.lines_as_names:
            pieces.append(Piece(one.lines_as_names, kind))
        elif isinstance(one, NameList) or (isinstance(one, Matrix) and is_similarity(one)):
            pieces.append(Piece(one, kind))
        elif isinstance(one, Unclear):
            notes.append(f"not used: {one.origin} {one.message}")
        else:
            notes.append(f"not used: {one.origin}, {choices.associations} has the associations")
    if not chosen:
        raise _no_associations(candidates)
    return Roles(chosen, pieces, notes)


def is_similarity(matrix: Matrix) -> bool:
    """Whether a matrix is of one side: the same names on both axes, or symmetric as such are.

    Without names, equal values on the diagonal are enough, for a similarity need not be symmetric
    to the last digit; a matrix of 0 and 1 has to be symmetric too.
    """
    if not matrix.is_square:
        return False
    rows, columns = matrix.row_names, matrix.column_names
    if rows is not None and columns is not None:
        return set(rows) == set(columns)
    values = np.nan_to_num(matrix.values)
    is_symmetric = bool(np.abs(values - values.T).max() <= ROUNDING)
    own = values.diagonal()
    is_binary = bool(np.isin(values, (0, 1)).all())
    is_even = bool(np.ptp(own) < ROUNDING and own[0] > 0)
    return (is_symmetric and (is_even or not is_binary)) or (is_even and not is_binary)


def _given(candidates: list[Candidate], choices: Choices, problems: Problems) -> list[Piece]:
    """The pieces that the user names."""
    pieces = []
    for option, files, wanted in (
        ("--similarity", choices.similarities, Matrix),
        ("--names", choices.names, NameList),
    ):
        for kind, file in files.items():
            found = [one for one in candidates if means(file, one.origin)]
            fit = [one for one in found if isinstance(one, wanted)]
            if wanted is NameList:
                fit += [o.names for o in found if isinstance(o, Pairs | Unclear) and o.names]
            if wanted is Matrix:
                fit = [one for one in fit if isinstance(one, Matrix) and one.is_square]
            if len(fit) == 1 and isinstance(fit[0], Matrix | NameList):
                pieces.append(Piece(fit[0], kind, is_given=True))
            else:
                _tell_of_choice(option, f"{kind}={file}", found, fit, problems)
    return pieces


def _check_chosen(
    file: str, wanted: list[Candidate], chosen: list[Pairs | Matrix], problems: Problems
) -> None:
    if len(chosen) != 1:
        _tell_of_choice("--associations", file, wanted, chosen, problems)


def _tell_of_choice(
    option: str,
    given: str,
    found: list[Candidate],
    fit: Sequence[Candidate],
    problems: Problems,
) -> None:
    where = f"{option} {given}"
    if not found:
        problems.add("is none of the sources", where=where, hint="name it among them, too")
    elif len(fit) > 1:
        parts = ", ".join(str(one.origin) for one in fit)
        problems.add("says several", where=where, hint=f"give one of {parts}")
    else:
        told = "; ".join(described(one) for one in found)
        problems.add(f"cannot be that: {told}", where=where)


def described(one: Candidate) -> str:
    """What a candidate is, in a few words."""
    if isinstance(one, Unclear):
        return f"{one.origin} {one.message}"
    if isinstance(one, NameList):
        return f"{one.origin} is a list of {len(one.names)} names"
    if isinstance(one, Pairs):
        return f"{one.origin} is a list of {len(one.lines)} pairs"
    rows, columns = one.values.shape
    return f"{one.origin} is a matrix of {rows} x {columns}"


def _no_associations(candidates: list[Candidate]) -> InputError:
    unclear = [one for one in candidates if isinstance(one, Unclear)]
    return InputError(
        "there are no associations among the sources: "
        + "; ".join(described(one) for one in candidates),
        hint=next((one.hint for one in unclear if one.hint), "")
        or "associations are pairs, or a matrix of one kind by the other; --associations FILE says"
        " which file has them",
    )
