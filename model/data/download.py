"""Fetch a published data set: resumable, every file verified, none ever half-written.

A file grows as ``<file>.part`` beside its place, and takes its name only once its content has the
published checksum. A transfer that is cut off leaves the part, from which the next call goes on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import requests

from model.data.catalogue import published_dataset
from model.data.upstream import BASE_URL, PublishedFile, blob_id
from model.errors import InputError

# Called with the file's name, the bytes that are here and those it will have, if they are known.
Progress = Callable[[str, int, int | None], None]

_TIMEOUT = (10, 60)  # seconds to connect, and without a byte
_CHUNK = 1 << 16  # bytes


def download(
    name: str,
    data_dir: Path,
    *,
    base_url: str = BASE_URL,
    on_progress: Progress = lambda name, received, total: None,
) -> dict[str, str]:
    """Fetch the files of a published data set into ``data_dir/<name>``.

    Args:
        name: of the catalogue.
        data_dir: made if need be.
        base_url: the folder that holds one folder per data set.
        on_progress: called as bytes arrive.

    Returns:
        By file name, ``"downloaded"`` or ``"already there"``.

    Raises:
        InputError: there is no such published data set, the server cannot be reached or does not
            have a file, the content is not the published one, or the folder cannot be written.
    """
    published = published_dataset(name)
    folder = data_dir / published.name
    done = {}
    try:
        for file in published.files:
            if _verified(folder / file.name, file):
                done[file.name] = "already there"
                continue
            url = "/".join((base_url.rstrip("/"), published.name, quote(file.name)))
            _fetch(url, folder / file.name, file, on_progress)
            done[file.name] = "downloaded"
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(error.filename or folder)
        ) from error
    return done


def _verified(path: Path, file: PublishedFile) -> bool:
    return path.is_file() and blob_id(path.read_bytes()) == file.blob_id


def _fetch(url: str, path: Path, file: PublishedFile, on_progress: Progress) -> None:
    part = path.with_name(path.name + ".part")
    # A call that was stopped between the last byte and the new name left a whole part behind.
    if not _verified(part, file):
        try:
            _receive(url, part, file.name, on_progress)
        except requests.RequestException as error:
            raise _lost(url, error) from error
    content_id = blob_id(part.read_bytes())
    if content_id != file.blob_id:
        part.unlink()
        raise InputError(
            f"{file.name} came with the wrong checksum {content_id}, published is {file.blob_id}",
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
