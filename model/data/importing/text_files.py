"""Text of any usual encoding and delimiter, as a grid of cells."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from model.data.importing.candidates import Grid, Origin
from model.errors import InputError, Problems

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars", " ": "spaces"}
_REGULAR = 0.8  # share of the rows that have to be equally wide, for a delimiter to be one
_SEPARATOR_LINE = re.compile(r"sep=(.)$", re.IGNORECASE)  # Excel's, before the header
_LINE_ENDS = re.compile(r"\r\n|\r|\n")  # str.splitlines knows more, which stand in names
_NUMBERED = re.compile(r"(\d+)[\s.:)]+(\S.*)")


def decoded(content: bytes, origin: Origin, encoding: str | None) -> tuple[str, str]:
    """The text, and the encoding where it is one that had to be guessed (else "").

    Raises:
        InputError: it is no text, or not in the encoding that was asked for.
    """
    if encoding is not None:
        try:
            return content.decode(encoding).removeprefix("\ufeff"), ""
        except (UnicodeDecodeError, LookupError) as error:
            raise InputError(
                f"cannot be read as {encoding}: {error}", where=origin.at(), hint="check --encoding"
            ) from None
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return content.decode(name, errors="replace"), ""
    if b"\0" in content:
        zeros = [content[side::2].count(0) / max(len(content) // 2, 1) for side in (0, 1)]
        if max(zeros) < 0.4 or min(zeros) > 0.1:
            raise InputError(
                "is no text, nor one of the other forms that are read",
                where=origin.at(),
                hint="give .csv, .tsv, .txt, .xlsx, .xls or .mat",
            )
        name = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        return content.decode(name, errors="replace"), "UTF-16"
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def read_grid(text: str, origin: Origin) -> Grid:
    """The cells of a text, its delimiter found out; blank lines and those of ``#`` are left out.

    But of the lines of ``#`` before the table, the last that has as many cells is its header.

    Of tabs, semicolons, commas, bars and spaces, the first that parts nearly all lines into as many
    cells is the delimiter. A header that is one cell shorter gets an empty first one: R writes it.

    Raises:
        InputError: there are no rows, or some have more or fewer cells than most.
    """
    lines = [(number, line) for number, line in enumerate(_LINE_ENDS.split(text), start=1)]
    lines = [(number, line) for number, line in lines if line.strip()]
    forced = None
    if lines and (separator := _SEPARATOR_LINE.match(lines[0][1].strip(" "))):
        forced, lines = separator[1], lines[1:]
    kept = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    heading = [one for one in lines if kept and one[0] < kept[0][0] and one not in kept[:1]]
    if not kept:
        raise InputError("holds no rows", where=origin.at())
    numbers = [number for number, _ in kept]
    for delimiter in [forced] if forced else _DELIMITERS:
        rows = _parted([line for _, line in kept], delimiter)
        if rows is None:
            continue
        widths = Counter(len(row) for row in rows[1:] or rows)
        width, count = widths.most_common(1)[0]
        if width > 1 and count >= _REGULAR * len(rows[1:] or rows):
            break
    else:
        return _one_column(kept, origin)
    for number, line in reversed(heading):
        first = _parted([line.lstrip().lstrip("#")], delimiter)
        if first and len(first[0]) == width:
            rows, numbers = [*first, *rows], [number, *numbers]
            break
    if len(rows[0]) == width - 1 and len(rows) > 1:
        rows[0] = ["", *rows[0]]
    _check_widths(rows, numbers, width, delimiter, origin)
    return Grid(origin, *_trimmed(rows, numbers), delimiter, by_spaces=delimiter == " ")


def _parted(lines: list[str], delimiter: str) -> list[list[str]] | None:
    """Cells of each line; None where quotation marks do not pair up."""
    if delimiter == " ":
        lines = [" ".join(line.split()) for line in lines]
    text = "\n".join(lines)
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True
        )
        try:
            rows = [[cell.strip() for cell in row] for row in reader]
        except csv.Error:
            continue
        if len(rows) == len(lines):  # no cell goes over the end of its line
            return rows
    return None


def _one_column(kept: list[tuple[int, str]], origin: Origin) -> Grid:
    """Names, one a line, of which each may have its number before it."""
    matches = [_NUMBERED.fullmatch(line.strip()) for _, line in kept]
    numbers = [number for number, _ in kept]
    found = [match for match in matches if match]
    if len(found) == len(kept):
        places = sorted(int(match[1]) for match in found)
        if places in ([*range(len(kept))], [*range(1, len(kept) + 1)]):
            rows = [[match[1], match[2].strip().strip('"')] for match in found]
            return Grid(origin, rows, numbers)
    return Grid(origin, [[line.strip().strip('"')] for _, line in kept], numbers)


def _check_widths(
    rows: list[list[str]], lines: list[int], width: int, delimiter: str, origin: Origin
) -> None:
    problems = Problems()
    for row, line in zip(rows, lines, strict=True):
        extra = row[width:]
        if len(row) < width or any(extra):
            problems.add(
                f"{len(row)} cells here, but {width} in most rows",
                where=origin.at(row=line, column=min(len(row), width) + 1),
                hint=f"cells are separated by {_DELIMITERS.get(delimiter, repr(delimiter))}; is the"
                " file complete?",
            )
    problems.raise_any()
    for row in rows:
        del row[width:]


def _trimmed(rows: list[list[str]], lines: list[int]) -> tuple[list[list[str]], list[int]]:
    """Without rows of empty cells, and without empty columns at the right."""
    kept = [(row, line) for row, line in zip(rows, lines, strict=True) if any(row)]
    width = max(max(_filled(row), default=0) for row, _ in kept)
    return [row[:width] for row, _ in kept], [line for _, line in kept]


def _filled(row: list[str]) -> Iterator[int]:
    return (column + 1 for column, cell in enumerate(row) if cell)
