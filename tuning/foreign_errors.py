"""Errors of the libraries and the operating system as one line: what, where and the mend.

A library raises what it likes, and wraps what another one raised. Here it is recognised by the
package that its class comes from, without importing that.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from model.errors import InputError
from tuning.disk import chain_of, refusal
from tuning.home import database_files, home, optuna_file, tracking_uri
from tuning.loopback import proxy_of
from tuning.record.client import hide_password

_LONGEST = 300  # characters of a library's own message that are shown


def explain(error: Exception) -> InputError | None:
    """What a person can do about an error; None for one of which nothing is known.

    Of a chain of errors the words of a damaged database count first, wherever they stand, then the
    outermost error that is recognised.
    """
    chain = list(chain_of(error))
    for one in chain:
        if isinstance(one, InputError):
            return one
    for one in chain:
        if found := _damaged(str(one)):
            return found
    for one in chain:
        explained = _EXPLAINERS.get(type(one).__module__.partition(".")[0])
        if explained is None and isinstance(one, OSError):
            explained = _system
        if explained and (found := explained(one)):
            return found
    return None


def fault(error: Exception) -> InputError:
    """The line for an error that nobody expected."""
    said = _shortened(str(error))
    return InputError(
        f"a fault of mmatune: {type(error).__name__}{f': {said}' if said else ''}",
        hint="please report it, with that file",
    )


def keep_traceback(error: Exception) -> Path:
    """Write the whole traceback, passwords hidden, to a file; where that is."""
    text = hide_password_in_text("".join(traceback.format_exception(error)))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09d}.txt"
    try:
        folder = home() / "errors"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    except (OSError, InputError):  # a home that may not be written to
        folder = Path(tempfile.mkdtemp(prefix="mmatune-error-"))
        (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def hide_password_in_text(text: str) -> str:
    """The text with every address in it as it may be shown."""
    return re.sub(r"[a-z][a-z0-9+.-]*://[^\s'\"]+", lambda found: hide_password(found[0]), text)


def _shortened(text: str) -> str:
    lines = [line.strip() for line in hide_password_in_text(text).splitlines() if line.strip()]
    first = lines[0] if lines else ""
    return first if len(first) <= _LONGEST else f"{first[:_LONGEST]} ..."


def _mlflow(error: BaseException) -> InputError:
    address = tracking_uri()
    said = _shortened(getattr(error, "message", "") or str(error))
    through = f", through the proxy {hide_password(proxy)}" if (proxy := proxy_of(address)) else ""
    hint = "see that the server answers and that you may do this there"
    if through:
        hint += ", or name it in NO_PROXY"
    return InputError(
        f"MLflow refuses{through}: {said}", where=hide_password(address), hint=f"{hint}; then again"
    )


def _requests(error: BaseException) -> InputError:
    address = str(getattr(getattr(error, "request", None), "url", "") or "")
    proxy = proxy_of(address)
    through = f" through the proxy {hide_password(proxy)}" if proxy else ""
    mend = "set NO_PROXY for it" if proxy else "see that it is reachable from here"
    return InputError(
        f"no answer{through} ({type(error).__name__})",
        where=hide_password(address) or "network",
        hint=f"{mend}; then again",
    )


def _database(error: BaseException) -> InputError:
    said = _shortened(str(getattr(error, "orig", "") or error))
    return InputError(
        f"the database answers: {said}",
        where=_databases(),
        hint="see that it can be reached and written to; then again",
    )


# Words of SQLite, Alembic, MLflow and Optuna, what they mean, and the mend.
_DAMAGE = {
    "file is not a database": ("is damaged: it is no database", ""),
    "database disk image is malformed": ("is damaged", ""),
    "disk I/O error": ("cannot be read", ""),
    "no such table": ("is damaged: a table is missing", ""),
    "no such column": ("is damaged: a column is missing", ""),
    "Can't locate revision": ("was written by a newer version", "install that version"),
    "out-of-date database schema": (
        "was written by an older MLflow",
        "`mlflow db upgrade` on a copy of it",
    ),
    "no longer compatible with the table schema": ("was written by another Optuna", ""),
    "unable to open database file": ("cannot be opened", "see that it is a file you may write"),
    "locking protocol": (
        "is on a file system without locks",
        "set MMATUNE_HOME to a folder on a local disk",
    ),
    "database is locked": ("is in use by another process", "wait for it, then again"),
    "readonly database": ("may only be read", "set MMATUNE_HOME to a folder you can write to"),
}


def _damaged(said: str) -> InputError | None:
    for words, (what, mend) in _DAMAGE.items():
        if words in said:
            return InputError(
                f"a database of the home {what} ({_shortened(said)})",
                where=_databases(),
                hint=mend or "put back a copy of it, or move it aside: a new one is made",
            )
    return None


def _databases() -> str:
    """The database that is damaged, or those that may be."""
    files = database_files()
    found = [file for file in files if file.exists() and not _is_sound(file)]
    return " or ".join(map(str, found or files))


def _is_sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as opened:
            return bool(opened.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def _optuna(error: BaseException) -> InputError:
    return InputError(f"Optuna refuses: {_shortened(str(error))}", where=str(optuna_file()))


def _ray(error: BaseException) -> InputError:
    return InputError(
        f"Ray ended ({type(error).__name__}): {_shortened(str(error))}",
        where="Ray",
        hint="a study goes on with `--resume`; of a cluster see `ray status` on its head",
    )


def _system(error: BaseException) -> InputError | None:
    assert isinstance(error, OSError)
    if error.strerror is None:
        return None
    file = str(error.filename or "")
    return InputError(
        error.strerror if not refusal(error.strerror) else f"the disk refuses: {error.strerror}",
        where=file or "the operating system",
        hint="see that the file is there and that you may read and write it"
        if file
        else "mend that, then again",
    )


_EXPLAINERS: dict[str, Callable[[BaseException], InputError | None]] = {
    "mlflow": _mlflow,
    "requests": _requests,
    "urllib3": _requests,
    "sqlalchemy": _database,
    "sqlite3": _database,
    "alembic": _database,
    "optuna": _optuna,
    "ray": _ray,
}
