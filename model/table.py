"""A table of the kinds of one thing, encoders say: the one place where a kind is added.

A package of somebody else's adds one without a change here. It names it among its entry points,
under the table's group, and every process that imports the project finds it, a Ray worker's too:

    [project.entry-points."mmatune.encoders"]
    mine = "my_package:MINE"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from model.errors import InputError

Entry = TypeVar("Entry")


class UnknownKindError(InputError, KeyError):
    """A name that is in no row of a table. A KeyError too, as `Mapping` wants it."""


class Table(Mapping[str, Entry]):
    """What there is of one thing, by name: the project's own first, then other packages'.

    Args:
        what: the thing in one word, for messages: "encoder".
        group: of the entry points at which other packages add theirs: "mmatune.encoders".
        own: the project's entries, in the order in which they are listed.
    """

    def __init__(self, what: str, group: str, own: Mapping[str, Entry]) -> None:
        self.what = what
        self.group = group
        self._own = dict(own)

    def __getitem__(self, name: str) -> Entry:
        """The entry of that name.

        Raises:
            UnknownKindError: there is none; the hint names the nearest, or all.
        """
        if name in self._own:  # so other packages are imported only when needed
            return self._own[name]
        if name in self._added:
            return self._added[name]
        close = get_close_matches(str(name), list(self), n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(self)}"
        raise UnknownKindError(f"unknown {self.what} {name!r}", hint=hint)

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._added

    def __len__(self) -> int:
        return len(self._own) + len(self._added)

    @cached_property
    def _added(self) -> dict[str, Entry]:
        added: dict[str, Entry] = {}
        for point in entry_points(group=self.group):
            where = f"entry point {point.name!r} of {self.group}"
            if point.name in self._own or point.name in added:
                raise InputError(
                    f"there are two {self.what}s called {point.name!r}",
                    where=where,
                    hint="rename the one of the other package, or uninstall it",
                )
            try:
                added[point.name] = point.load()
            except Exception as error:  # importing somebody else's package may raise anything
                raise InputError(
                    f"cannot be imported: {error}",
                    where=where,
                    hint=f"mend or uninstall the package that has {point.value}",
                ) from error
        return added


@dataclass(frozen=True)
class NamesKind:
    """Checks that a name is in a table; `a_kind_of` puts it at a configuration's field."""

    table: Table[Any]

    def __call__(self, name: str) -> str:
        if name not in self.table:
            raise PydanticCustomError(
                "unknown_kind",
                "{what} should be one of {names}",
                {"what": self.table.what, "names": ", ".join(self.table)},
            )
        return name


def a_kind_of(table: Table[Any]) -> AfterValidator:
    """Validator of a configuration's field that names an entry of the table.

    Use it as ``type: Annotated[str, a_kind_of(ENCODERS)] = "gin"``.
    """
    return AfterValidator(NamesKind(table))
