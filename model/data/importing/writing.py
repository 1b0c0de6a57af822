"""Write what was understood as a folder of data."""

from __future__ import annotations

from pathlib import Path

from model.data.datasets import AssociationDataset
from model.data.description import Description, Source
from model.data.importing.understanding import Understood
from model.data.kinds import kind_of
from model.data.user_data import write_user_folder
from model.errors import Problems


def dataset_of(understood: Understood, name: str) -> AssociationDataset:
    """The data set, under this name.

    Raises:
        InputError: a side has no similarity, or the data do not pass the checks of every data set.
    """
    first, second = understood.kinds
    problems = Problems()
    for kind, similarity in zip(understood.kinds, understood.similarities, strict=True):
        if similarity is None:
            problems.add(
                f"no similarity of {kind} is among the sources",
                hint="give one, too: a square matrix with the names or in their order",
            )
    problems.raise_any()
    similarities = [one for one in understood.similarities if one is not None]
    return AssociationDataset(
        name=name,
        rows=understood.names[0],
        columns=understood.names[1],
        associations=understood.associations,
        row_similarity=similarities[0],
        column_similarity=similarities[1],
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
