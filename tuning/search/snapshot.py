"""A second copy of Ray Tune's last snapshot of a search, so that one of the two is always whole.

Tune overwrites its snapshot. If the disk is full, or the process dies while it writes, half of a
snapshot is left and the search cannot be resumed. Our copy is made before Tune uploads the same
files, and replaces the copy before it in one step.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tuning.cluster.shared_storage import open_storage
from tuning.home import study_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_FOLDER = "snapshot"


def keep_snapshot(study: str, staged: Path) -> None:
    """Keep what Tune has written.

    Args:
        staged: Tune's own folder on this machine, whose files are whole.
    """
    kept = study_folder(study) / _FOLDER
    draft, before = kept.with_suffix(".draft"), kept.with_suffix(".before")
    for leftover in (draft, before):
        shutil.rmtree(leftover, ignore_errors=True)
    draft.mkdir()
    for path in staged.iterdir():
        if path.is_file():
            with (draft / path.name).open("wb") as file:
                file.write(path.read_bytes())
                # Without this a power cut could leave an empty file under the final name.
                os.fsync(file.fileno())
    if kept.exists():
        kept.rename(before)
    draft.rename(kept)
    shutil.rmtree(before, ignore_errors=True)


def put_back_snapshot(study: str, folder: str) -> None:
    """Write our copy over the storage's, which is the same, older, or incomplete.

    Args:
        folder: of the search in the study's storage, a path or an address.
    """
    kept = study_folder(study) / _FOLDER
    if not kept.exists():
        return  # the driver died before Tune wrote one
    filesystem, root = open_storage(folder)
    for path in kept.iterdir():
        with filesystem.open_output_stream(f"{root}/{path.name}") as file:
            file.write(path.read_bytes())


def delete_replaced(replaced: list[tuple[FileSystem, str]]) -> None:
    """Delete the checkpoints that no snapshot names any more, and empty the list.

    Args:
        replaced: of `keep_replaced_checkpoints`, from before the snapshot that was kept last.
    """
    for filesystem, path in replaced:
        with suppress(OSError):  # a folder that cannot be deleted is in nobody's way
            filesystem.delete_dir(path)
    replaced.clear()
