"""From the files and folders that a user names to what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.data.importing.candidates import Candidate, Grid, NameList, Origin, Unclear
from model.data.importing.classifying import classify, classify_numbers
from model.data.importing.excel import read_sheets
from model.data.importing.mat_files import read_variables
from model.data.importing.text_files import decoded, read_grid
from model.data.readers import read_bytes
from model.errors import InputError, Problems

# Of a folder's files these are read; a file that is named is, whatever it is called.
SUFFIXES = (
    *(".csv", ".tsv", ".tab", ".txt", ".dat"),
    *(".xlsx", ".xlsm", ".xls", ".mat"),
)
_NO_DATA = ("readme", "license", "licence")


@dataclass
class Sources:
    """What was read.

    Args:
        candidates: all that was found, in the order of the files.
        hashes: SHA-256 by file name, of the files that were read.
        notes: what else is to be said, a line each.
    """

    candidates: list[Candidate] = field(default_factory=list)
    hashes: dict[Path, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_sources(
    paths: Sequence[Path],
    *,
    own_kinds: Sequence[str] = (),
    encoding: str | None = None,
    columns: Sequence[str] | None = None,
    of: Path | None = None,
) -> Sources:
    """Read files, and of folders the files in them.

    Args:
        own_kinds: words for kinds that the user gave.
        encoding: of the text files; found out if None.
        columns: of the associations, see `classify`.
        of: the file that `columns` are of; every file if None.

    Raises:
        InputError: a file is missing, damaged or of no form that is read; all of them at once.
    """
    sources, problems = Sources(), Problems()
    for path in paths:
        with problems.gathered():
            for file in _files(path, sources.notes):
                with problems.gathered():
                    content = read_bytes(file)
                    sources.hashes[file] = hashlib.sha256(content).hexdigest()
                    wanted = columns if of is None or of == file else None
                    for cells in _parts(file, content, encoding, sources.notes):
                        sources.candidates.append(_candidate(cells, own_kinds, wanted))
    problems.raise_any()
    return sources


def _files(path: Path, notes: list[str]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    inside = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    taken = [file for file in inside if file.is_file() and _is_read(file)]
    if passed := [file.name for file in inside if file not in taken]:
        notes.append(f"not read: {', '.join(passed)}")
    if not taken:
        raise InputError(
            "holds no file of a form that is read",
            where=str(path),
            hint=f"the forms are {', '.join(SUFFIXES)}; name a file to have it read all the same",
        )
    yield from taken


def _is_read(file: Path) -> bool:
    is_data = not file.stem.casefold().startswith(_NO_DATA)
    return is_data and file.suffix.casefold() in SUFFIXES


def _parts(
    file: Path, content: bytes, encoding: str | None, notes: list[str]
) -> Iterator[Grid | tuple[Origin, Any]]:
    """The grids of a file, or its variables. What it is, its first bytes say, not its name."""
    origin = Origin(file)
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        sheets = [(name, rows) for name, rows in read_sheets(file) if any(map(any, rows))]
        for name, rows in sheets:
            yield _grid(Origin(file, name if len(sheets) > 1 else ""), rows)
        return
    if content.startswith(b"MATLAB") or b"\x89HDF\r\n\x1a\n" in content[:1024]:
        variables = read_variables(content, origin)
        for name, value in variables.items():
            yield Origin(file, name if len(variables) > 1 else ""), value
        return
    if file.suffix.casefold() == ".mat":
        for name, value in read_variables(content, origin).items():  # version 4 has no mark
            yield Origin(file, name), value
        return
    text, guessed = decoded(content, origin, encoding)
    if guessed:
        line = next((line for line in text.splitlines() if not line.isascii()), "")
        shown = f", for example {line.strip()[:60]!r}" if line else ""
        notes.append(f"{origin}: not UTF-8, read as {guessed}{shown}; --encoding says another")
    yield read_grid(text, origin)


def _grid(origin: Origin, rows: list[list[Any]]) -> Grid:
    """Cells of a sheet as text, without its empty rows and the empty columns at its right."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    lines = [line for line, row in enumerate(cells, start=1) if any(row)]
    kept = [row for row in cells if any(row)]
    left = min(next(i for i, cell in enumerate(row) if cell) for row in kept)
    width = max(max(i + 1 for i, cell in enumerate(row) if cell) for row in kept)
    kept = [[*row, *[""] * (width - len(row))][left:width] for row in kept]
    return Grid(origin, kept, lines, first_column=left + 1)


def _cell(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    return str(cell).strip()


def _candidate(
    cells: Grid | tuple[Origin, Any], own_kinds: Sequence[str], columns: Sequence[str] | None
) -> Candidate:
    if isinstance(cells, Grid):
        return classify(cells, own_kinds, columns)
    origin, value = cells
    if isinstance(value, list):
        return NameList(origin, tuple(value), [*range(1, len(value) + 1)])
    if 1 in value.shape:
        return Unclear(origin, "is a single row or column of numbers")
    return classify_numbers(origin, value)
