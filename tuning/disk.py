"""Errors of a disk that is full or read-only, whichever library raised them.

Ray Tune passes a worker's error on as text; SQLAlchemy, MLflow and Optuna wrap each other's. So we
search the messages for the words of the operating system and of SQLite.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from model.errors import InputError

_SYSTEM = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS))
_FULL = 64 << 20  # bytes that may still be free where something larger did not fit
_SQLITE = ("database or disk is full", "attempt to write a readonly database")


def refusal(text: str) -> str:
    """The message of a full or read-only disk in a text; empty if there is none."""
    return next((said for said in (*_SYSTEM, *_SQLITE) if said in text), "")


@contextmanager
def refusals_named(where: str, hint: str) -> Iterator[None]:
    """Turn the error of a disk that is full or read-only into one that names it.

    Args:
        where: the disk may be, where the error itself names no file.

    Raises:
        InputError: a disk refused something; what clearing up after it met does not hide that.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        for one in chain_of(error):
            if said := refusal(str(one)):
                file = str(one.filename or "") if isinstance(one, OSError) else ""
                raise InputError(said, where=file or _full_one(where), hint=hint) from error
        raise


def _full_one(named: str) -> str:
    """The temporary folder if its disk is full and that of the named place is not."""
    folders = (named, tempfile.gettempdir(), os.environ.get("RAY_TMPDIR", "/tmp"))
    return next((folder for folder in folders if _is_full(folder)), named)


def _is_full(folder: str) -> bool:
    try:
        disk = os.statvfs(folder)
    except OSError:  # an address, or it is gone
        return False
    return disk.f_bavail * disk.f_frsize < _FULL


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what it was raised from or while clearing up after."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
