"""A whole copy of Ray Tune's last snapshot of a search, for a disk that fills while it is written.

Tune writes a snapshot over the one before. On a full disk, or cut by a death in the middle, that
leaves half of one and nothing to go on from. The copy is made before Tune uploads the same files,
and takes the place of the one before when it is whole.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tuning.cluster.shared_storage import open_storage
from tuning.home import study_folder

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
                # A machine that loses its power must not leave an empty one instead of a whole.
                os.fsync(file.fileno())
    if kept.exists():
        kept.rename(before)
    draft.rename(kept)
    shutil.rmtree(before, ignore_errors=True)


def put_back_snapshot(study: str, folder: str) -> None:
    """Write the copy over what the storage has, which is older or the same, or half of it.

    Args:
        folder: of the search in the study's storage, a path or an address.
    """
    kept = study_folder(study) / _FOLDER
    if not kept.exists():
        return  # the driver died before Tune's first
    filesystem, root = open_storage(folder)
    for path in kept.iterdir():
        with filesystem.open_output_stream(f"{root}/{path.name}") as file:
            file.write(path.read_bytes())
