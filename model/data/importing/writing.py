"""Write what was understood as a folder of data."""

from __future__ import annotations

from pathlib import Path

from model.data.datasets import AssociationDataset
from model.data.description import Description, Source
from model.data.importing.understanding import Understood
from model.data.kinds import kind_of
from model.data.similarity.absence import LARGEST, identity
from model.data.user_data import write_user_folder
from model.errors import Problems


def dataset_of(understood: Understood, name: str) -> AssociationDataset:
    """The data set, under this name; a side without a similarity gets the identity.

    Raises:
        InputError: a side has no similarity and is too large for that, or the data do not pass the
            checks of every data set.
    """
    first, second = understood.kinds
    similarities = list(understood.similarities)
    problems = Problems()
    for side, (kind, names) in enumerate(zip(understood.kinds, understood.names, strict=True)):
        if similarities[side] is not None:
            continue
        if len(names) <= LARGEST:
            similarities[side] = identity(len(names))
        else:
            problems.add(
                f"no similarity of {len(names):,} {kind} is among the sources; without one there"
                f" can be {LARGEST:,} at most",
                hint="give one, too: a square matrix with the names or in their order",
            )
    problems.raise_any()
    row_similarity, column_similarity = similarities
    assert row_similarity is not None
    assert column_similarity is not None
    return AssociationDataset(
        name=name,
        rows=understood.names[0],
        columns=understood.names[1],
        associations=understood.associations,
        row_similarity=row_similarity,
        column_similarity=column_similarity,
        kinds=(kind_of(first), kind_of(second)),
    )


def write_understood(understood: Understood, folder: Path) -> AssociationDataset:
    """Write the data set with a `dataset.yaml` that says what it was made from and what changed.

    The folder appears with all its files or not at all.

    Raises:
        InputError: the data are amiss, or the folder is not empty or cannot be written.
    """
    dataset = dataset_of(understood, folder.absolute().name)
    sources = tuple(Source(file=name, sha256=digest) for name, digest in understood.files)
    description = Description.of(dataset.kinds, sources, understood.changes)
    write_user_folder(dataset, folder, description)
    return dataset
