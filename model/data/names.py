"""What the name of a miRNA says: precursors of one mature miRNA share all but their copy number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

_COPY_NUMBER = re.compile(r"(-(?:mir|let)-\d+[a-z]*)-\d+$", re.IGNORECASE)


def mature_name(name: str) -> str:
    """Name of the mature miRNA that a precursor makes.

    ``hsa-mir-124-1`` and ``hsa-mir-124-2`` both give ``hsa-mir-124``; a name without a copy number
    is returned as it is. Only the name is read: nothing says that the two associations of such
    twins were measured apart, which is why a split must know them.
    """
    return _COPY_NUMBER.sub(r"\1", name)


def twin_groups(mirnas: Sequence[str]) -> list[tuple[int, ...]]:
    """Rows of miRNAs that share a mature name, one tuple per group of two or more, by first row."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(mirnas):
        rows[mature_name(name)].append(row)
    return [tuple(group) for group in rows.values() if len(group) > 1]
