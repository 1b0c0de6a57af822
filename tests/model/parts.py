"""A part of a data set, for tests that a whole one would keep busy."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.data.datasets import AssociationDataset


def part_of(
    whole: AssociationDataset, mirnas: Sequence[int], small_molecules: Sequence[int]
) -> AssociationDataset:
    """Those of each side at the given places, with what is known of them."""
    return replace(
        whole,
        mirnas=tuple(whole.mirnas[i] for i in mirnas),
        small_molecules=tuple(whole.small_molecules[j] for j in small_molecules),
        associations=whole.associations[np.ix_(mirnas, small_molecules)],
        mirna_similarity=whole.mirna_similarity[np.ix_(mirnas, mirnas)],
        small_molecule_similarity=whole.small_molecule_similarity[
            np.ix_(small_molecules, small_molecules)
        ],
    )
