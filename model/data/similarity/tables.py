"""Tables that describe things: a column of names, and one of what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.data.names import spelling
from model.data.readers import Table, check_names, place, read_table
from model.data.similarity.interface import Columns
from model.errors import InputError, Problems

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
SUFFIXES = tuple(_DELIMITERS)


@dataclass(frozen=True)
class Described:
    """Names and the text that describes each, as they stand in a file.

    Args:
        names: n, not yet checked.
        texts: n, without blanks at their ends.
        places: n; file, row and column of each text.
        said: where they come from.
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    places: tuple[str, ...]
    said: str


def read_any_table(path: Path) -> Table:
    """A table by its suffix; InputError for another one than `SUFFIXES`."""
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise InputError(
            f"{path.suffix or 'no suffix'} is no table that this reads",
            where=str(path),
            hint="give .csv (commas or semicolons), .tsv or .txt (tabs), each with a header row",
        )
    return read_table(path, delimiter)


def read_described(
    path: Path, settings: Columns, words: Sequence[str], *, or_second: bool = False
) -> Described:
    """Names and texts of a table with a header row.

    Args:
        words: headings of the column of texts, the likeliest first.
        or_second: of two columns under other headings, the second is it.

    Raises:
        InputError: the table cannot be read, or has no such column.
    """
    table = read_any_table(path)
    header = table.rows[0]
    names = _column(table, settings.names) if settings.names else None
    texts = _column(table, settings.column) if settings.column else _headed(header, words)
    if texts is None and or_second and len(header) == 2:
        texts = 1 - (names or 0)
        _check_headed(table)
    if texts is None:
        raise InputError(
            f"no column is headed {words[0]!r}: the header is {table.delimiter.join(header)!r}",
            where=place(path, row=table.lines[0]),
            hint=f"name the column, --set column={header[-1].strip() or 'HEADING'}; a table"
            " without a header needs one",
        )
    if names is None:
        names = next((column for column in range(len(header)) if column != texts), texts)
    if names == texts:
        raise InputError(
            f"the column {header[texts].strip()!r} cannot hold both the names and what describes"
            " them",
            where=place(path, row=table.lines[0], column=texts + 1),
            hint="give a table with a column of names and one more",
        )
    rows, lines = table.rows[1:], table.lines[1:]
    if not rows:
        raise InputError("nothing follows the header", where=str(path))
    return Described(
        names=tuple(row[names].strip() for row in rows),
        texts=tuple(row[texts].strip() for row in rows),
        places=tuple(place(path, row=line, column=texts + 1) for line in lines),
        said=f"{path.name}: names from the column {header[names].strip()!r}, what describes them"
        f" from {header[texts].strip()!r}",
    )


def gather_names(described: Described, problems: Problems) -> None:
    """Add a problem for every name that is empty or stands twice."""
    with problems.gathered():
        check_names(described.names, "thing", lambda i: described.places[i].rpartition(",")[0])


def _check_headed(table: Table) -> None:
    """Raise where the first row holds what the rows below hold."""
    if any(
        cell == row[column] for row in table.rows[1:] for column, cell in enumerate(table.rows[0])
    ):
        raise InputError(
            f"the first row, {table.delimiter.join(table.rows[0])!r}, looks like a row of the data:"
            " the header is missing",
            where=place(table.path, row=table.lines[0]),
            hint="put a header before it, such as `name,term`",
        )


def _headed(header: Sequence[str], words: Sequence[str]) -> int | None:
    headings = [spelling(cell) for cell in header]
    return next((headings.index(word) for word in words if word in headings), None)


def _column(table: Table, heading: str) -> int:
    found = _headed(table.rows[0], [spelling(heading)])
    if found is None:
        raise InputError(
            f"no column is headed {heading!r}",
            where=place(table.path, row=table.lines[0]),
            hint=f"the headings are {', '.join(cell.strip() for cell in table.rows[0])}",
        )
    return found
