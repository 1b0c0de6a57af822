"""Fetch a data set of the catalogue: resumable, verified, none of its files ever half-written.

A file grows as ``<file>.part`` beside its place, and takes its name only once its content has the
published checksum. A transfer that is cut off leaves the part, from which the next call goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import requests

from model.data.catalogue import is_here, published_dataset
from model.data.importing.public_sets import PublicDataset
from model.data.importing.understanding import understand
from model.data.importing.writing import write_understood
from model.data.upstream import BASE_URL, PublishedDataset
from model.errors import InputError

# Called with the file's name, the bytes that are here and those it will have, if they are known.
Progress = Callable[[str, int, int | None], None]

_TIMEOUT = (10, 60)  # seconds to connect, and without a byte
_CHUNK = 1 << 16  # bytes


class RemoteFile(Protocol):
    """A file that can be fetched."""

    @property
    def name(self) -> str:
        """Here."""

    @property
    def path(self) -> str:
        """Below the address of its data set."""

    @property
    def expected(self) -> str | None:
        """The checksum of its content; None where nobody has told it."""

    @staticmethod
    def checksum(content: bytes) -> str:
        """The checksum of a content."""


def download(
    name: str,
    data_dir: Path,
    *,
    base_url: str | None = None,
    on_progress: Progress = lambda name, received, total: None,
) -> dict[str, str]:
    """Fetch a data set, so that ``data_dir/<name>`` holds it.

    The files of dataset1 and dataset2 are put there as they are. Those of the other sets are put
    into ``data_dir/sources/<name>`` and imported from there.

    Args:
        name: of the catalogue.
        data_dir: made if need be.
        base_url: a folder that holds one folder per data set; its authors' if None.
        on_progress: called as bytes arrive.

    Returns:
        By file name, ``"downloaded"`` or ``"already there"``.

    Raises:
        InputError: there is no such data set, the server cannot be reached or does not have a file,
            the content is not the published one, or the folder cannot be written.
    """
    published = published_dataset(name)
    if isinstance(published, PublishedDataset):
        address = "/".join(((base_url or BASE_URL).rstrip("/"), name))
        return _fetch_all(published.files, address, data_dir / name, on_progress)
    address = published.base_url if base_url is None else "/".join((base_url.rstrip("/"), name))
    sources = data_dir / "sources" / name
    done = _fetch_all(published.files, address, sources, on_progress)
    if not is_here(published, data_dir):
        _import(published, sources, data_dir / name)
    return done


def _import(public: PublicDataset, sources: Path, folder: Path) -> None:
    """Make the data set's folder of its files.

    Raises:
        InputError: the files hold something else; those that no checksum verifies are removed.
    """
    paths = [sources / file.name for file in public.files]
    try:
        understood = understand(paths, public.choices)
        rows, columns = understood.associations.shape
        size = (rows, columns, int(understood.associations.sum()))
        if size != public.size:
            raise InputError(
                f"came with {size[0]} x {size[1]} pairs and {size[2]} associations, but"
                f" {public.name} has {public.size[0]} x {public.size[1]} and {public.size[2]}",
                where=str(sources),
                hint="what came has been removed; try again, or check --base-url",
            )
    except InputError:
        for path, file in zip(paths, public.files, strict=True):
            if file.expected is None:
                path.unlink()
        raise
    write_understood(understood, folder)


def _fetch_all(
    files: Sequence[RemoteFile], address: str, folder: Path, on_progress: Progress
) -> dict[str, str]:
    done = {}
    try:
        for file in files:
            path = folder / file.name
            if _is_verified(path, file) or (file.expected is None and path.is_file()):
                done[file.name] = "already there"
                continue
            _fetch(f"{address}/{quote(file.path)}", path, file, on_progress)
            done[file.name] = "downloaded"
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(error.filename or folder)
        ) from error
    return done


def _is_verified(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and file.checksum(path.read_bytes()) == file.expected


def _fetch(url: str, path: Path, file: RemoteFile, on_progress: Progress) -> None:
    part = path.with_name(path.name + ".part")
    # A call that was stopped between the last byte and the new name left a whole part behind.
    if not _is_verified(part, file):
        try:
            _receive(url, part, file.name, on_progress)
        except requests.RequestException as error:
            raise _lost(url, error) from error
    content_id = file.checksum(part.read_bytes())
    if file.expected is not None and content_id != file.expected:
        part.unlink()
        raise InputError(
            f"{file.name} came with the wrong checksum {content_id}, published is {file.expected}",
            where=url,
            hint="what came has been removed; try again, or check --base-url",
        )
    os.replace(part, path)


def _receive(url: str, part: Path, name: str, on_progress: Progress) -> None:
    """Write the rest of the file to ``part``, or all of it where the server does not resume."""
    have = part.stat().st_size if part.exists() else 0
    # Compressed transfers count bytes of the compressed stream, to which a part cannot be added.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        resumed = response.status_code == 206 and have > 0
        if have and (response.status_code == 416 or (resumed and not _starts_at(response, have))):
            part.unlink()  # without it no range is asked for, so this happens once
            return _receive(url, part, name, on_progress)
        if response.status_code != 200 and not resumed:
            raise InputError(
                f"{name} cannot be had: the server answers {response.status_code} "
                f"{response.reason}",
                where=url,
                hint="check --base-url, or try again later",
            )
        received = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = received + int(length) if length else None
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                received += len(chunk)
                on_progress(name, received, total)


def _starts_at(response: requests.Response, byte: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {byte}-")


def _lost(url: str, error: requests.RequestException) -> InputError:
    malformed = (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
    )
    if isinstance(error, malformed):
        return InputError("not an address that can be fetched", where=url, hint="check --base-url")
    return InputError(
        "the connection was lost or could not be made",
        where=url,
        hint="check the network, then run the command again: it goes on where it stopped",
    )
