"""The one way to get a data set: by a name of the catalogue, or by the path of a folder."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from pathlib import Path

from model.data.datasets import AssociationDataset
from model.data.synthetic import demo
from model.data.upstream import PUBLISHED, PublishedDataset, load_published, load_upstream_folder
from model.data.user_data import load_user_folder
from model.errors import DataWarning, InputError

NAMES = ("demo", *PUBLISHED)


def load(name_or_path: str | Path, data_dir: Path) -> AssociationDataset:
    """A data set that has passed every check.

    Args:
        name_or_path: ``demo``, ``dataset1`` or ``dataset2``; or a folder with a user's own data, or
            with files under the names of a published data set. A folder that is called as the
            catalogue calls a data set is reached as ``./demo``; a `DataWarning` says so.
        data_dir: where the published data sets have been downloaded to.

    Raises:
        InputError: there is no such data set, or its files do not pass.
    """
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        _warn_of_folder(name_or_path, data_dir)
    if name_or_path == "demo":
        return demo()
    if isinstance(name_or_path, str) and name_or_path in PUBLISHED:
        return load_published(PUBLISHED[name_or_path], data_dir)
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        layout = _upstream_layout(folder)
        return load_upstream_folder(layout, folder) if layout else load_user_folder(folder)
    raise _unknown(str(name_or_path), f"give one of {', '.join(NAMES)}, or the path of a folder")


def published_dataset(name: str) -> PublishedDataset:
    """Where a published data set's files stand.

    Raises:
        InputError: there is no published data set of that name; ``demo`` is none.
    """
    if name in PUBLISHED:
        return PUBLISHED[name]
    if name == "demo":
        raise InputError(
            "demo is made on the spot, there is nothing to download",
            hint="use it as it is: `mmatune data show demo`",
        )
    raise _unknown(name, f"give one of {', '.join(PUBLISHED)}")


def _warn_of_folder(name: str, data_dir: Path) -> None:
    """Tell who has a folder of that name beside the command which of the two is taken."""
    folder = Path(name)
    is_its_own = name in PUBLISHED and folder.resolve() == (data_dir / name).resolve()
    if folder.is_dir() and not is_its_own:
        warnings.warn(
            f"{name} is here the data set that mmatune brings, not the folder {name} - write"
            f" ./{name} for the folder",
            DataWarning,
            stacklevel=3,
        )


def _unknown(name: str, choices: str) -> InputError:
    close = get_close_matches(name, NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else choices
    return InputError(f"there is no data set or folder {name!r}", hint=hint)


def _upstream_layout(folder: Path) -> PublishedDataset | None:
    """The published data set whose name tables are in the folder; they differ by file name."""
    for published in PUBLISHED.values():
        if (folder / published.row_names.name).is_file():
            return published
    return None
