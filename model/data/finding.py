"""What a check of a whole data set finds, beyond what makes it unreadable."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from model.errors import DataWarning


@dataclass(frozen=True)
class Finding:
    """Something amiss with data that can be read.

    Args:
        message: what, with its values.
        where: data set and field.
        hint: the mend.
        is_fault: no study begins on such data; else it is a warning.
        is_leak: scores hold part of the answer. A study may begin if its user accepts that.
    """

    message: str
    where: str
    hint: str
    is_fault: bool = True
    is_leak: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.message} - {self.hint}"


def warn_of(findings: Iterable[Finding]) -> None:
    """A `DataWarning` for each."""
    for finding in findings:
        warnings.warn(str(finding), DataWarning, stacklevel=2)
