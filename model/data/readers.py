"""Strict readers of the files that data sets come in: delimited text and name tables.

Nothing is guessed, filled or dropped. Every failure is an InputError whose ``where`` is the file
and the place in it, and whose message shows the value. Rows and columns are counted from 1 as an
editor or a spreadsheet counts them, so a header is row 1. Blank lines at the end are ignored.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import InputError

_DELIMITER_NAMES = {",": "commas", "\t": "tabs"}
# Narrower than float(), which also takes "nan", "inf" and "1_000".
_NUMBERS = re.compile(r"[-+.0-9eE ]*")


@dataclass(frozen=True)
class Table:
    """Cells of a delimited text file: as many in every row; ``lines[i]`` is the line of row i."""

    path: Path
    delimiter: str
    rows: list[list[str]]
    lines: list[int]


@dataclass(frozen=True)
class FileMatrix:
    """Numbers that remember where in a file they stand, so that a check can name a cell."""

    path: Path
    values: np.ndarray
    lines: list[int]
    first_column: int

    def where(self, row: int, column: int) -> str:
        """File, row and column of the cell at these 0-based indices."""
        return place(self.path, row=self.lines[row], column=column + self.first_column)


def place(path: Path, *, row: int | None = None, column: int | None = None) -> str:
    """``file, row 3, column 5``: what goes into an error's ``where``; both count from 1."""
    parts = [str(path)]
    parts += [f"row {row}"] if row is not None else []
    parts += [f"column {column}"] if column is not None else []
    return ", ".join(parts)


def within_file(where: str) -> str:
    """The row and column of a `place`, without the file."""
    return where[where.rindex(", row") + 2 :]


def read_bytes(path: Path) -> bytes:
    """Content of a file; InputError if there is none, it cannot be read or it is empty."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if not content:
        raise InputError("the file is empty", where=str(path))
    return content


def read_table(path: Path, delimiter: str) -> Table:
    """Rows of a delimited UTF-8 text file, cells quoted where they hold the delimiter.

    Raises:
        InputError: the file is missing, empty, not text or cut off, or its rows are ragged.
    """
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(
            f"not a table of cells separated by {_DELIMITER_NAMES[delimiter]}: {error}",
            where=place(path, row=reader.line_num),
            hint="the file may be cut off, or a quotation mark may be missing",
        ) from error
    while rows and not "".join(rows[-1]).strip() and len(rows[-1]) < 2:
        rows.pop()
        lines.pop()
    if not rows:
        raise InputError("the file holds no rows", where=str(path))
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            raise InputError(
                f"ragged: {_count(row)} here, but {_count(rows[0])} in row {lines[0]}",
                where=place(path, row=line, column=min(len(row), len(rows[0])) + 1),
                hint=f"cells are separated by {_DELIMITER_NAMES[delimiter]}; is the file complete?",
            )
    return Table(path, delimiter, rows, lines)


def read_matrix(path: Path, delimiter: str) -> FileMatrix:
    """A file of numbers only; InputError for a cell that is not a finite number."""
    table = read_table(path, delimiter)
    return _numbers(table, first_row=0, first_column=0)


def labelled_matrix(
    table: Table, *, row_kind: str, column_kind: str
) -> tuple[list[str], list[str], FileMatrix]:
    """Row names, column names and numbers of a matrix with a header row and a column of names.

    The corner cell is not read.

    Raises:
        InputError: a name is empty or stands twice, or a cell is not a finite number.
    """
    path, lines = table.path, table.lines
    if len(table.rows) < 2 or len(table.rows[0]) < 2:
        raise InputError(
            f"{len(table.rows)} x {len(table.rows[0])} cells leave no value beside the names",
            where=place(path, row=lines[0]),
            hint=f"cells are separated by {_DELIMITER_NAMES[table.delimiter]}",
        )
    column_names = [cell.strip() for cell in table.rows[0][1:]]
    row_names = [row[0].strip() for row in table.rows[1:]]
    check_names(column_names, column_kind, lambda i: place(path, row=lines[0], column=i + 2))
    check_names(row_names, row_kind, lambda i: place(path, row=lines[i + 1], column=1))
    return row_names, column_names, _numbers(table, first_row=1, first_column=1)


def read_name_table(path: Path, *, kind: str, name_first: bool) -> list[str]:
    """Names of an Excel table (.xls or .xlsx, no header) of two columns, a name and its number.

    Returns:
        The names in the order of their numbers, which are 1 to the number of rows.

    Raises:
        InputError: not an Excel file, a row without a name or number, numbers that are not 1..n
            once each, or a duplicate name; the error names the rows.
    """
    name_column, number_column = (0, 1) if name_first else (1, 0)
    rows = _read_sheet(path)
    row_of: dict[int, int] = {}
    for index, row in enumerate(rows):
        number = _cell(row, number_column)
        at = place(path, row=index + 1, column=number_column + 1)
        if not isinstance(number, int | float) or not 1 <= number <= len(rows) or number % 1:
            raise InputError(
                f"{number!r} is not a {kind} number", where=at, hint=f"1 to {len(rows)}, once each"
            )
        if int(number) in row_of:
            first = row_of[int(number)] + 1
            raise InputError(f"{kind} number {int(number)} is also in row {first}", where=at)
        row_of[int(number)] = index
    order = [row_of[number] for number in range(1, len(rows) + 1)]
    cells = [_cell(rows[index], name_column) for index in order]
    names = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    check_names(names, kind, lambda i: place(path, row=order[i] + 1, column=name_column + 1))
    return names


def check_names(names: Sequence[str], kind: str, where: Callable[[int], str]) -> None:
    """Raise for a name that is empty, holds control characters or stands twice."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name or not name.isprintable():
            raise InputError(f"{name!r} cannot be the name of a {kind}", where=where(index))
        if name in first:
            raise InputError(
                f"duplicate {kind} name {name!r}, already at {within_file(where(first[name]))}",
                where=where(index),
                hint="names must be distinct",
            )
        first[name] = index


def _read_text(path: Path) -> str:
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
        amiss = text.find("\0")
        before, value = text[: max(amiss, 0)], 0
    except UnicodeDecodeError as error:
        amiss, value = error.start, content[error.start]
        before = content[: error.start].decode("utf-8", errors="replace")
    if amiss >= 0:
        raise InputError(
            f"not a text file: byte 0x{value:02x}",
            where=place(path, row=before.count("\n") + 1),
            hint="save it as UTF-8 text",
        )
    return text


def _numbers(table: Table, *, first_row: int, first_column: int) -> FileMatrix:
    lines = table.lines[first_row:]
    values = []
    for row, line in zip(table.rows[first_row:], lines, strict=True):
        numbers = _row_of_numbers(row[first_column:])
        if numbers is None:
            column = next(
                i for i in range(first_column, len(row)) if _row_of_numbers([row[i]]) is None
            )
            raise InputError(
                f"{row[column]!r} is not a finite number",
                where=place(table.path, row=line, column=column + 1),
            )
        values.append(numbers)
    return FileMatrix(table.path, np.array(values), lines, first_column + 1)


def _row_of_numbers(cells: list[str]) -> np.ndarray | None:
    if not _NUMBERS.fullmatch("".join(cells)):
        return None
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _read_sheet(path: Path) -> list[list[object]]:
    from python_calamine import CalamineError, CalamineWorkbook

    content = read_bytes(path)
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        rows: list[list[object]] = [list(row) for row in sheet.to_python(skip_empty_area=False)]
    except BaseException as error:
        # On some damaged files calamine panics, and its PanicException is no Exception.
        if not isinstance(error, CalamineError) and type(error).__name__ != "PanicException":
            raise
        raise InputError(
            f"not a readable Excel file: {error}",
            where=str(path),
            hint="the file may be cut off or of another kind",
        ) from error
    if not rows:
        raise InputError("the table holds no rows", where=str(path))
    for index, row in enumerate(rows):
        extra = [column for column, cell in enumerate(row) if column > 1 and cell != ""]
        if extra:
            raise InputError(
                f"{row[extra[0]]!r} is in a third column; a name and a number are expected",
                where=place(path, row=index + 1, column=extra[0] + 1),
            )
    return rows


def _cell(row: list[object], column: int) -> object:
    return row[column] if column < len(row) else ""


def _count(row: list[str]) -> str:
    return f"{len(row)} cell{'' if len(row) == 1 else 's'}"
