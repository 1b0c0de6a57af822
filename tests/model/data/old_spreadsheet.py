"""The smallest .xls (BIFF8 in a compound file) that holds some rows."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

_SECTOR = 512
_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def write_xls(path: Path, rows: Sequence[Sequence[object]], sheet: str = "Sheet1") -> Path:
    """Write one sheet; cells are text in Latin-1, or numbers."""
    stream = _workbook(rows, sheet).ljust(4096, b"\0")  # shorter ones are kept in another way
    stream += b"\0" * (-len(stream) % _SECTOR)
    count = len(stream) // _SECTOR
    # Sector 0 is the allocation table, 1 the directory, the others the stream.
    table = [_TABLE, _END, *range(3, count + 2), _END]
    table += [_FREE] * (_SECTOR // 4 - len(table))
    directory = (
        _entry("Root Entry", 5, child=1, start=_END, size=0)
        + _entry("Workbook", 2, child=_FREE, start=2, size=len(stream))
        + _entry("", 0, child=_FREE, start=0, size=0) * 2
    )
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", 0, *[_FREE] * 108)
    path.write_bytes(header + struct.pack("<128I", *table) + directory + stream)
    return path


def _entry(name: str, kind: int, *, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0" if name else b""
    entry = text.ljust(64, b"\0") + struct.pack("<HBB", len(text), kind, 1)
    entry += struct.pack("<III", _FREE, _FREE, child) + bytes(36)
    return entry + struct.pack("<IQ", start, size)


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _workbook(rows: Sequence[Sequence[object]], sheet: str) -> bytes:
    def begin(kind: int) -> bytes:
        return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0, 0, 0, 0))

    name = struct.pack("<BB", len(sheet), 0) + sheet.encode("latin-1")
    length = len(begin(5)) + 4 + 6 + len(name) + 4
    globals_ = begin(5) + _record(0x0085, struct.pack("<IH", length, 0) + name) + _record(10, b"")
    cells = [
        _cell(i, j, cell) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell != ""
    ]
    return globals_ + begin(0x10) + b"".join(cells) + _record(10, b"")


def _cell(row: int, column: int, cell: object) -> bytes:
    at = struct.pack("<HHH", row, column, 0)
    if isinstance(cell, str):
        text = struct.pack("<HB", len(cell), 0) + cell.encode("latin-1")
        return _record(0x0204, at + text)
    return _record(0x0203, at + struct.pack("<d", float(str(cell))))
