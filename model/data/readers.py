"""Strict readers of the text files that data sets come in.

No value is guessed or filled in. Every failure is an InputError whose ``where`` is the file and the
place in it, and whose message shows the value; all failures of a file come at once. Rows and
columns are counted from 1 as an editor or a spreadsheet counts them, so a header is row 1. Rows
whose cells are all empty, and columns at the right whose cells are, are passed over: spreadsheets
write them. So are lines that begin with ``#``; a name that does is written in quotation marks.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import DataWarning, InputError, Problems

_DELIMITER_NAMES = {",": "commas", "\t": "tabs", ";": "semicolons"}
# Narrower than float(), which also takes "nan", "inf" and "1_000".
_NUMBERS = re.compile(r"[-+.0-9eE ]*")
_ABSENT = ("", "na", "n/a", "nan", "inf", "-inf", "null", "none", "#n/a")
_REMARK = re.compile(r"^#.*$", re.MULTILINE)
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n?", re.IGNORECASE)  # Excel's, before the header


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


def read_text(path: Path) -> str:
    """Content of a text file: UTF-8, or UTF-16 as Excel writes it, which begins with a mark.

    Raises:
        InputError: there is no such file, or it is not text; it names the line of the first byte
            that is none.
    """
    content = read_bytes(path)
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = content.decode(encoding)
        amiss = text.find("\0")
        before, value = text[: max(amiss, 0)], 0
    except UnicodeDecodeError as error:
        amiss, value = error.start, content[error.start]
        before = content[: error.start].decode(encoding, errors="replace")
    if amiss >= 0:
        raise InputError(
            f"not a text file in UTF-8: byte 0x{value:02x}",
            where=place(path, row=before.count("\n") + 1),
            hint="save it as UTF-8 text (in Excel: CSV UTF-8)",
        )
    return text


def read_table(path: Path, delimiter: str) -> Table:
    """Rows of a delimited text file, cells quoted where they hold the delimiter.

    Where commas are expected, semicolons are taken too if the first row holds no comma or begins
    with one: so do spreadsheets write `.csv` where the comma is the decimal mark. A first line
    ``sep=;`` says it outright.

    Raises:
        InputError: the file is missing, empty, not text or cut off, or its rows are ragged.

    Warns:
        DataWarning: lines begin with ``#``.
    """
    # What is left of a remark is an empty line, so that lines keep their numbers.
    text, remarks = _REMARK.subn("", read_text(path))
    text, delimiter, skipped = _delimited(text, delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if any(cell and not cell.isspace() for cell in row):
                rows.append(row)
                lines.append(reader.line_num + skipped)
    except csv.Error as error:
        raise InputError(
            f"not a table of cells separated by {_DELIMITER_NAMES[delimiter]}: {error}",
            where=place(path, row=reader.line_num + skipped),
            hint="the file may be cut off, or a quotation mark may be missing",
        ) from error
    if not rows:
        raise InputError("the file holds no rows", where=str(path))
    problems = Problems()
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(rows[0]):
            problems.add(
                f"ragged: {_count(row)} here, but {_count(rows[0])} in row {lines[0]}",
                where=place(path, row=line, column=min(len(row), len(rows[0])) + 1),
                hint=f"cells are separated by {_DELIMITER_NAMES[delimiter]}; is the file complete?",
            )
    problems.raise_any()
    if remarks:
        lines_are = "1 line begins" if remarks == 1 else f"{remarks} lines begin"
        told = f"{path}: {lines_are} with # - such lines are remarks and are not read"
        warnings.warn(told, DataWarning, stacklevel=3)
    width = max(_width(row) for row in rows)
    return Table(path, delimiter, [row[:width] for row in rows], lines)


def read_matrix(path: Path, delimiter: str) -> FileMatrix:
    """A file of numbers only; InputError for a cell that is not a finite number."""
    table = read_table(path, delimiter)
    return _numbers(table, first_row=0, first_column=0)


def number(cell: str, delimiter: str) -> float | None:
    """A finite number, or None; its decimal mark may be a comma where commas separate no cells."""
    if delimiter != "," and "." not in cell:
        cell = cell.replace(",", ".", 1)
    if not _NUMBERS.fullmatch(cell):
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


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
    problems = Problems()
    with problems.gathered():
        check_names(column_names, column_kind, lambda i: place(path, row=lines[0], column=i + 2))
    with problems.gathered():
        check_names(row_names, row_kind, lambda i: place(path, row=lines[i + 1], column=1))
    with problems.gathered():
        matrix = _numbers(table, first_row=1, first_column=1)
    problems.raise_any()
    return row_names, column_names, matrix


def check_names(names: Sequence[str], kind: str, where: Callable[[int], str]) -> None:
    """Raise for names that are empty, hold control characters or stand twice."""
    problems = Problems()
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name or not name.isprintable():
            problems.add(f"{name!r} cannot be the name of a {kind}", where=where(index))
        elif name in first:
            problems.add(
                f"duplicate {kind} name {name!r}, already at {within_file(where(first[name]))}",
                where=where(index),
                hint="names must be distinct",
            )
        else:
            first[name] = index
    problems.raise_any()


def _delimited(text: str, delimiter: str) -> tuple[str, str, int]:
    """The text without a line ``sep=;``, its delimiter, and how many lines were left out."""
    if separator := _SEPARATOR_LINE.match(text):
        return text[separator.end() :], separator[1], 1
    first = text.lstrip("\r\n").partition("\n")[0]
    if delimiter == "," and ";" in first and ("," not in first or first.startswith(";")):
        return text, ";", 0
    return text, delimiter, 0


def _width(row: list[str]) -> int:
    """Cells up to the last that is not empty."""
    return next((i for i in range(len(row), 0, -1) if row[i - 1].strip()), 0)


def _numbers(table: Table, *, first_row: int, first_column: int) -> FileMatrix:
    lines = table.lines[first_row:]
    values = []
    problems = Problems()
    for row, line in zip(table.rows[first_row:], lines, strict=True):
        numbers = _row_of_numbers(row[first_column:], table.delimiter)
        if numbers is not None:
            values.append(numbers)
            continue
        for column in range(first_column, len(row)):
            if number(row[column], table.delimiter) is None:
                problems.add(
                    f"{row[column]!r} is not a finite number",
                    where=place(table.path, row=line, column=column + 1),
                    hint=_mend_of_number(row[column]),
                )
    problems.raise_any()
    return FileMatrix(table.path, np.array(values), lines, first_column + 1)


def _row_of_numbers(cells: list[str], delimiter: str) -> np.ndarray | None:
    if _NUMBERS.fullmatch("".join(cells)):
        try:
            numbers = np.array([float(cell) for cell in cells])
        except ValueError:
            return None
        return numbers if np.isfinite(numbers).all() else None
    found = [number(cell, delimiter) for cell in cells]
    return None if None in found else np.array(found, dtype=float)


def _mend_of_number(cell: str) -> str:
    if "," in cell:
        return "write the decimal mark as a point, or separate the cells by semicolons"
    return "give every cell a number" if cell.strip().casefold() in _ABSENT else ""


def _count(row: list[str]) -> str:
    return f"{len(row)} cell{'' if len(row) == 1 else 's'}"
