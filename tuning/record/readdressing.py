"""A home that was moved, copied, renamed or mounted elsewhere: MLflow's addresses follow it.

MLflow's database holds the absolute address of each experiment's, run's and model's files. That of
its first experiment, which is under the home too, says where the home was when it was written.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from model.errors import InputError
from tuning.console import console
from tuning.home import artifact_root, home
from tuning.libraries.mlflow_internals import ADDRESSES
from tuning.locks import locked
from tuning.record.driver import is_driven

STORE_LOCK = "mlflow.db.lock"  # held while the store is made or re-addressed


def readdress(database: Path) -> None:
    """Have the addresses in MLflow's database lead to this home, if they lead to another folder.

    A copy of the database as it was stays beside it. While a study is driven nothing is changed: a
    container may see the home under another path than its host, and drive it there.

    Raises:
        InputError: they have to change, and the home may only be read.
    """
    now = artifact_root()
    before = _recorded(database)
    if before is None or before == now or _is_same_folder(before, now) or _is_in_use():
        return
    if not os.access(database, os.W_OK) or not os.access(database.parent, os.W_OK):
        raise InputError(
            f"the home was at {before.parent} when it was written, and may only be read here",
            where=str(home()),
            hint="copy it to a folder that you can write to, and set MMATUNE_HOME to that",
        )
    with locked(home() / STORE_LOCK):
        before = _recorded(database)  # another process may have been faster
        if before is None or before == now:
            return
        kept = database.with_name("mlflow.db.before-move")
        kept.unlink(missing_ok=True)  # of an earlier move, perhaps by another user
        shutil.copyfile(database, kept)
        with closing(sqlite3.connect(database)) as opened, opened:
            for table, column in ADDRESSES:
                if _has(opened, table, column):
                    _replace(opened, table, column, before, now)
    console.print(
        f"The home was moved from {before.parent} to {now.parent}: its addresses are changed, the"
        " database as it was is mlflow.db.before-move.",
        markup=False,
        soft_wrap=True,
    )


def _recorded(database: Path) -> Path | None:
    """The folder of artifacts when the database was last addressed."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            found = opened.execute(
                "SELECT artifact_location FROM experiments WHERE experiment_id = 0"
            ).fetchone()
    except sqlite3.Error:  # whoever opens it next says what is wrong
        return None
    if not found or not found[0]:
        return None
    address = found[0]
    path = unquote(address.removeprefix("file://")) if address.startswith("file:") else address
    # The experiment is 0, and so is the folder of its runs.
    return Path(path).parent if Path(path).name == "0" else None


def _is_same_folder(before: Path, now: Path) -> bool:
    """Whether both lead to one folder, by a link or a second mount."""
    try:
        return before.samefile(now)
    except OSError:
        return False


def _is_in_use() -> bool:
    return any(is_driven(folder.name) for folder in (home() / "studies").glob("*"))


def _has(opened: sqlite3.Connection, table: str, column: str) -> bool:
    columns = opened.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall()
    return (column,) in columns


def _replace(opened: sqlite3.Connection, table: str, column: str, before: Path, now: Path) -> None:
    # As a path, and as an address, in which MLflow and we escape what is not ASCII.
    for old, new in ((str(before), str(now)), (before.as_uri(), now.as_uri())):
        opened.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
            f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )
