"""Read the first sheet of an Excel file, as a process of its own with a limit on its memory.

Run by `model.data.name_tables` as a script: the file on stdin, its rows as JSON on stdout. A single
cell far from the others, or a damaged file, makes the reader ask for more memory than there is, and
what it does then no ``except`` can catch.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import Any

MEMORY = 1 << 30  # bytes of address space
SECONDS = 15  # of processor time


def first_sheet(content: bytes) -> dict[str, Any]:
    """The cells of the first sheet, ``{"rows": [...]}``, or what is amiss, ``{"error": "..."}``."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        return {"rows": sheet.to_python(skip_empty_area=False)}
    except BaseException as error:
        # On some damaged files calamine panics, and its PanicException is no Exception.
        if not isinstance(error, CalamineError) and type(error).__name__ != "PanicException":
            raise
        return {"error": str(error)}


def main() -> None:
    """Print what `first_sheet` gives, as JSON; a process that is killed ends with another code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(first_sheet(sys.stdin.buffer.read()), sys.stdout, default=str)


if __name__ == "__main__":
    main()
