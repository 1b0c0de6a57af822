"""A network small enough for tests that look at every pair."""

from functools import cache

import numpy as np

from model.data.datasets import AssociationDataset


@cache
def tiny_network() -> AssociationDataset:
    """12 miRNAs, among them two pairs of twins, and 6 small molecules, in two communities."""
    rng = np.random.default_rng(0)
    rows = ["t-mir-1-1", "t-mir-1-2", "t-mir-2a-1", "t-mir-2a-2"]
    rows += [f"t-mir-{number}" for number in range(3, 11)]
    mirna_side, molecule_side = np.arange(12) % 4 >= 2, np.arange(6) >= 3
    associations = (mirna_side[:, None] == molecule_side).astype(np.uint8)
    associations[[4, 6, 9, 10], [0, 5, 2, 3]] = 0

    def similarity(side: np.ndarray) -> np.ndarray:
        noise = rng.uniform(0, 0.3, (len(side), len(side)))
        return np.round(0.5 * (side[:, None] == side) + (noise + noise.T) / 2, 4)

    return AssociationDataset(
        name="tiny",
        rows=tuple(rows),
        columns=tuple(f"sm-{number}" for number in range(6)),
        associations=associations,
        row_similarity=similarity(mirna_side),
        column_similarity=similarity(molecule_side),
    )
