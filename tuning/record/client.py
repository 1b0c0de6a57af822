"""The only place that connects to MLflow: no log noise, short timeouts.

`import mlflow` takes seconds, so it happens inside functions; and some of its settings are read
when it is imported, so whoever needs mlflow asks `mlflow_client` first.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from model.errors import InputError
from tuning.home import artifact_root, database_files, home, sqlite_address, tracking_uri
from tuning.locks import locked
from tuning.record.readdressing import STORE_LOCK, readdress

if TYPE_CHECKING:
    from mlflow import MlflowClient

# A value of an address's query that is to stay hidden, such as `?password=...` of PostgreSQL.
_SECRET = re.compile(r"([?&][^=&#]*(?:pass|secret|token|key)[^=&#]*=)[^&#]*", re.IGNORECASE)

_SQLITE = b"SQLite format 3\0"  # with which every database file begins

# Defaults only: what the user has set in the environment wins.
ENVIRONMENT_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # The first use of a database would print a line for each table and migration.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # MLflow's own policy blocks one call for four minutes when the server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
}


def mlflow_client() -> MlflowClient:
    """A client of the store that `tracking_uri` names; the embedded one is made on first use.

    The address is given to the client and not set globally, so code that uses mlflow's global
    functions (`mlflow.log_metric`, ...) does not see it.

    Raises:
        InputError: the server does not answer, or the store cannot be opened or is damaged.
    """
    _be_quiet()
    check_databases()
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        _check_server(uri)
    else:
        make_embedded_store()

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        return MlflowClient(tracking_uri=uri)
    except MlflowException as error:
        raise InputError(
            f"the MLflow store {hide_password(uri)} cannot be opened: {error.message}",
            where="MLFLOW_TRACKING_URI",
        ) from error


def all_pages(search: Callable[..., Any], *arguments: Any, **options: Any) -> Iterator[Any]:
    """Everything that one of the client's searches finds, however many pages it answers with."""
    token = None
    while True:
        page = search(*arguments, **options, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def check_databases() -> None:
    """Look at the first bytes of the home's databases: SQLAlchemy would try for minutes.

    Raises:
        InputError: one is no database.
    """
    for file in database_files():
        if not file.exists():
            continue
        if file.is_dir():
            raise InputError("a folder stands in the place of a database", where=str(file))
        with file.open("rb") as opened:
            start = opened.read(len(_SQLITE))
        if start not in (b"", _SQLITE):
            raise InputError(
                "is damaged: it is no SQLite database",
                where=str(file),
                hint="put back a copy of it, or move it aside: a new one is made",
            )


def _be_quiet() -> None:
    for name, value in ENVIRONMENT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    # MLflow reads its level when it is imported, and Ray Tune may have imported it before.
    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])
    # It logs a traceback for every database error, and raises the error as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def make_embedded_store() -> None:
    """Make the SQLite database under the home, unless it is there or another store is in use.

    MLflow itself makes its tables without a lock, so two commands started together would break
    each other's migrations; and one interrupted half-way would leave a database that never opens.
    Here one process makes it, beside its final place, and moves it there when it is whole.
    """
    _be_quiet()
    database = home() / "mlflow.db"
    if tracking_uri() != sqlite_address(database):
        return
    # Without the lock, for a home that may only be read: the database is whole once it is there.
    if database.exists():
        readdress(database)
        return
    with locked(home() / STORE_LOCK):
        if database.exists():
            return
        draft = database.with_name("mlflow.db.draft")
        for leftover in home().glob(f"{draft.name}*"):
            leftover.unlink()

        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        # Made through the store and not the client, which would have the experiment "Default"
        # write to ./mlruns of whichever folder the first command ran in.
        store = SqlAlchemyStore(sqlite_address(draft), str(artifact_root()))
        store.engine.dispose()
        draft.replace(database)


def hide_password(uri: str) -> str:
    """The address as it may be shown: ``***`` in place of user, password and secret of a query."""
    return _SECRET.sub(r"\1***", _replace_credentials(uri, "***@"))


def without_credentials(uri: str) -> str:
    """The address without user and password."""
    return _replace_credentials(uri, "")


def _replace_credentials(uri: str, shown: str) -> str:
    """Replace what stands between ``//`` and the host.

    SQLAlchemy's parser decides whether there are credentials, for it allows a "/" in a password.
    They are then cut from the text itself, up to the last "@": SQLAlchemy's own rendering shows
    what follows the first "@" of a password, and writes the rest of the address anew.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
        has_credentials = url.username is not None or url.password is not None
    except (ArgumentError, ValueError):  # not an address, or one with a port that is no number
        has_credentials = True
    return re.sub(r"//.*@", f"//{shown}", uri, flags=re.DOTALL) if has_credentials else uri


def _check_server(uri: str) -> None:
    """Ask the server once: a client would retry for long, and its error would not name the address.

    Any answer will do: a server may ask for a password, or have its health page elsewhere.
    """
    import requests

    try:
        requests.get(f"{uri.rstrip('/')}/health", timeout=10)
    except requests.RequestException as error:
        raise InputError(
            f"no MLflow server answers at {hide_password(uri)} ({type(error).__name__})",
            where="MLFLOW_TRACKING_URI",
            hint="start it, correct the address, or unset the variable to use the embedded store",
        ) from error
