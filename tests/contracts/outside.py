"""A package of somebody else's, as pip would install it: importable, and with entry points.

with installed(tmp_path, somebody_elses, NETWORK_KINDS, TABLES.values()):
    ...  # this process knows its kinds, and so does every process started here
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from model.table import Table

PACKAGE = "outside_kinds"
# Group of entry points -> name of the kind -> its constant in `somebody_elses.py`.
NETWORK_KINDS = {
    "mmatune.encoders": {"outside": "ENCODER"},
    "mmatune.edge_decoders": {"outside": "EDGE_DECODER"},
    "mmatune.heads": {"outside": "HEAD"},
    "mmatune.masks": {"outside": "MASK"},
}


def write_package(folder: Path, source: Path, kinds: Mapping[str, Mapping[str, str]]) -> None:
    """Write the package `PACKAGE` with one module's code and its entry points into a folder."""
    shutil.copy(source, folder / f"{PACKAGE}.py")
    info = folder / f"{PACKAGE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    lines = []
    for group, entries in kinds.items():
        lines.append(f"[{group}]")
        lines += [f"{name} = {PACKAGE}:{constant}" for name, constant in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@contextmanager
def installed(
    folder: Path,
    module: ModuleType,
    kinds: Mapping[str, Mapping[str, str]],
    tables: Iterable[Table[Any]],
) -> Iterator[None]:
    """Install a module's kinds for this process and its children, Ray's workers among them.

    Args:
        folder: empty; the package is written there.
        module: whose file is the package's code.
        kinds: see `NETWORK_KINDS`.
        tables: they read their entry points once, and are made to read them again.
    """
    assert module.__file__ is not None
    write_package(folder, Path(module.__file__), kinds)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *([before] if before else [])])
    sys.path.insert(0, str(folder))
    tables = list(tables)
    try:
        _read_again(tables)
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(PACKAGE, None)
        _read_again(tables)
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _read_again(tables: Iterable[Table[Any]]) -> None:
    importlib.invalidate_caches()
    for table in tables:
        vars(table).pop("_added", None)
