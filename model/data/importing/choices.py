"""What a user says of data because it cannot be seen in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model.data.importing.candidates import Origin
from model.data.importing.words import kind_of, same_kind


@dataclass(frozen=True)
class Choices:
    """The flags of an import.

    Args:
        kinds: of the rows and of the columns of the data set that is made.
        associations: the file of the associations, or ``file:sheet`` or ``file:variable``.
        similarities, names: by kind, such a file.
        columns: of the associations, if they are a list: both ends, and the weight as a third.
        index_base: the number of the first thing where things are numbered, 0 or 1.
        threshold: the least weight of an association, or the largest where ``at_most``.
        transpose: the rows, or the first ends, of the associations are of the second kind.
        symmetrise: take the mean of both directions, however far apart they are.
        nan_as_0: what is missing is 0.
        drop_unlisted: leave associations out of which an end is not among the names.
        encoding: of text files.
    """

    kinds: tuple[str, str] | None = None
    associations: str | None = None
    similarities: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    index_base: int | None = None
    threshold: float | None = None
    at_most: bool = False
    transpose: bool = False
    symmetrise: bool = False
    nan_as_0: bool = False
    drop_unlisted: bool = False
    encoding: str | None = None

    @property
    def own_kinds(self) -> tuple[str, ...]:
        """All words for kinds that the user gave."""
        return (*(self.kinds or ()), *self.similarities, *self.names)

    def kind_of(self, text: str) -> str | None:
        """The kind that a text names; one of the two, where the user says what they are."""
        kind = kind_of(text, self.own_kinds)
        if kind is None or self.kinds is None:
            return kind
        return next((own for own in self.own_kinds if same_kind(own, kind)), None)


def means(given: str, origin: Origin) -> bool:
    """Whether a user's ``file`` or ``file:part`` is this one, by its path or its name alone."""
    if given in (str(origin), origin.path.name):
        return True
    whole = Path(given)
    if whole.exists():
        return whole.resolve() == origin.path.resolve()
    file, _, part = given.rpartition(":")
    return bool(file) and part == origin.part and means(file, Origin(origin.path))
