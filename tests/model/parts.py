"""A part of a data set, for tests that a whole one would keep busy."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.data.datasets import AssociationDataset


def part_of(
    whole: AssociationDataset, rows: Sequence[int], columns: Sequence[int]
) -> AssociationDataset:
    """Those of each side at the given places, with what is known of them."""
    return replace(
        whole,
        rows=tuple(whole.rows[i] for i in rows),
        columns=tuple(whole.columns[j] for j in columns),
        associations=whole.associations[np.ix_(rows, columns)],
        row_similarity=whole.row_similarity[np.ix_(rows, rows)],
        column_similarity=whole.column_similarity[np.ix_(columns, columns)],
    )
