"""A part of a data set, for tests that a whole one would keep busy."""

from dataclasses import replace

from model.data.datasets import AssociationDataset


def part_of(whole: AssociationDataset, mirnas: int, small_molecules: int) -> AssociationDataset:
    """The first so many of each side, with what is known of them."""
    rows, columns = slice(mirnas), slice(small_molecules)
    return replace(
        whole,
        mirnas=whole.mirnas[rows],
        small_molecules=whole.small_molecules[columns],
        associations=whole.associations[rows, columns],
        mirna_similarity=whole.mirna_similarity[rows, rows],
        small_molecule_similarity=whole.small_molecule_similarity[columns, columns],
    )
