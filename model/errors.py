"""What a user's input can be wrong in: one error type, its collection, and a warning.

An error says what is wrong, where, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SHOWN = 20  # problems of one input that are told in full; the rest is counted


class InputError(Exception):
    """Something the user gave cannot be used.

    The command line prints it as one clear line and exits with code 2; with ``--json`` it becomes
    ``{"error": {"message", "where", "hint"}}``.

    Args:
        message: what is wrong, naming the offending value.
        where: file and row/column, option or field; may be empty.
        hint: what the user can do about it; may be empty.
        others: more problems of the same input, each a line of its own.
        untold: how many more there are, which are only counted.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        hint: str = "",
        others: Sequence[InputError] = (),
        untold: int = 0,
    ) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        self.others = tuple(others)
        self.untold = untold
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        # The default pickling loses keyword-only arguments; Ray ships errors between processes.
        return (_rebuild, (self.message, self.where, self.hint, self.others, self.untold))

    def __str__(self) -> str:
        more = len(self.others) + self.untold
        return f"{self.line()} (and {more} more)" if more else self.line()

    def lines(self) -> list[str]:
        """All that is told, a line for each problem."""
        lines = [error.line() for error in (self, *self.others)]
        return [*lines, f"... and {self.untold} more"] if self.untold else lines

    def line(self) -> str:
        line = f"{self.where}: {self.message}" if self.where else self.message
        return f"{line} - {self.hint}" if self.hint else line


class Problems:
    """The problems of one input, gathered so that a user learns of all of them at once."""

    def __init__(self) -> None:
        self._told: list[InputError] = []
        self._untold = 0

    @property
    def are_many(self) -> bool:
        """No more are told in full, so a hint that takes time to find is of no use."""
        return len(self._told) >= SHOWN

    def add(self, message: str, *, where: str = "", hint: str = "") -> None:
        """Add one."""
        if self.are_many:
            self._untold += 1
        else:
            self._told.append(InputError(message, where=where, hint=hint))

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Add what the block raises instead of raising it; the block ends there."""
        try:
            yield
        except InputError as error:
            for one in (error, *error.others):
                self.add(one.message, where=one.where, hint=one.hint)
            self._untold += error.untold

    def __len__(self) -> int:
        return len(self._told) + self._untold

    def error(self) -> InputError:
        """One InputError for all; there have to be some."""
        first, *others = self._told
        return InputError(
            first.message,
            where=first.where,
            hint=first.hint,
            others=others,
            untold=self._untold,
        )

    def raise_any(self) -> None:
        """Raise that error, if there are any."""
        if self._told:
            raise self.error()


class DataWarning(UserWarning):
    """Something about the user's data that stands, but that its owner should know; one line."""


def _rebuild(
    message: str, where: str, hint: str, others: tuple[InputError, ...] = (), untold: int = 0
) -> InputError:
    return InputError(message, where=where, hint=hint, others=others, untold=untold)
