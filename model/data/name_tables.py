"""Name tables in Excel's two formats, as the published data sets have them."""

from __future__ import annotations

from pathlib import Path

from model.data.importing.excel import read_sheets
from model.data.readers import check_names, place
from model.errors import InputError, Problems


def read_name_table(
    path: Path, *, kind: str, name_first: bool, is_sound: bool = False
) -> list[str]:
    """Names of an Excel table (.xls or .xlsx, no header) of two columns, a name and its number.

    Args:
        is_sound: its content is a published one's, so it can be read in this process.

    Returns:
        The names in the order of their numbers, which are 1 to the number of rows.

    Raises:
        InputError: not an Excel file, a row without a name or number, numbers that are not 1..n
            once each, or a duplicate name; the error names the rows.
    """
    name_column, number_column = (0, 1) if name_first else (1, 0)
    rows = _read_sheet(path, is_sound)
    row_of: dict[int, int] = {}
    problems = Problems()
    for index, row in enumerate(rows):
        number = _cell(row, number_column)
        at = place(path, row=index + 1, column=number_column + 1)
        if not isinstance(number, int | float) or not 1 <= number <= len(rows) or number % 1:
            problems.add(
                f"{number!r} is not a {kind} number", where=at, hint=f"1 to {len(rows)}, once each"
            )
        elif int(number) in row_of:
            first = row_of[int(number)] + 1
            problems.add(f"{kind} number {int(number)} is also in row {first}", where=at)
        else:
            row_of[int(number)] = index
    problems.raise_any()
    order = [row_of[number] for number in range(1, len(rows) + 1)]
    cells = [_cell(rows[index], name_column) for index in order]
    names = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    check_names(names, kind, lambda i: place(path, row=order[i] + 1, column=name_column + 1))
    return names


def _read_sheet(path: Path, is_sound: bool) -> list[list[object]]:
    sheets = read_sheets(path, first_only=True, is_sound=is_sound)
    rows: list[list[object]] = sheets[0][1] if sheets else []
    while rows and not any(cell != "" for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise InputError("the table holds no rows", where=str(path))
    problems = Problems()
    for index, row in enumerate(rows):
        extra = [column for column, cell in enumerate(row) if column > 1 and cell != ""]
        if extra:
            problems.add(
                f"{row[extra[0]]!r} is in a third column; a name and a number are expected",
                where=place(path, row=index + 1, column=extra[0] + 1),
            )
    problems.raise_any()
    return rows


def _cell(row: list[object], column: int) -> object:
    return row[column] if column < len(row) else ""
