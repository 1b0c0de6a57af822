"""Read the sheets of an Excel file, as a process of its own with a limit on its memory.

Run by `model.data.importing.excel` as a script: the file on stdin, its sheets as JSON on stdout. A
single cell far from the others, or a damaged file, makes the reader ask for more memory than there
is, and what it does then no ``except`` can catch.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import Any

MEMORY = 1 << 30  # bytes of address space
SECONDS = 15  # of processor time


def sheets(content: bytes, *, first_only: bool) -> dict[str, Any]:
    """``{"sheets": [[name, rows], ...]}``, or what is amiss, ``{"error": "..."}``."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = book.sheet_names[:1] if first_only else book.sheet_names
        read = ((name, book.get_sheet_by_name(name)) for name in names)
        return {"sheets": [[name, sheet.to_python(skip_empty_area=False)] for name, sheet in read]}
    except BaseException as error:
        # On some damaged files calamine panics, and its PanicException is no Exception.
        if not isinstance(error, CalamineError) and type(error).__name__ != "PanicException":
            raise
        return {"error": str(error)}


def main() -> None:
    """Print what `sheets` gives, as JSON; a process that is killed ends with another code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    found = sheets(sys.stdin.buffer.read(), first_only=sys.argv[1:] == ["first"])
    json.dump(found, sys.stdout, default=str)


if __name__ == "__main__":
    main()
