"""The two published data sets, in the format their authors publish them in.

Wang et al.'s repository `ZZCrazy00/JMSSMMA`, folder `data/`. Files keep their published names; the
delimiters and the column order of the name tables differ between the two.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.file_checks import check_associations, check_shape, symmetric
from model.data.kinds import MIRNA, SMALL_MOLECULE
from model.data.name_tables import read_name_table
from model.data.readers import read_bytes, read_matrix
from model.errors import InputError

COMMIT = "6fbc449e32d7d1df2613d6a1af1656923aa415a1"
BASE_URL = f"https://raw.githubusercontent.com/ZZCrazy00/JMSSMMA/{COMMIT}/data"


@dataclass(frozen=True)
class PublishedFile:
    """A file's published name and git blob id (40 hexadecimal digits)."""

    name: str
    blob_id: str


@dataclass(frozen=True)
class PublishedDataset:
    """Where everything of a published data set stands.

    Args:
        name: also the name of its folder.
        size: miRNAs, small molecules, associations.
        delimiter: between the cells of its three matrices, which have no header.
        name_first: whether its name tables hold (name, number) or (number, name).
    """

    name: str
    size: tuple[int, int, int]
    delimiter: str
    name_first: bool
    associations: PublishedFile
    row_similarity: PublishedFile
    column_similarity: PublishedFile
    row_names: PublishedFile
    column_names: PublishedFile

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """All five files, names first."""
        return (
            self.row_names,
            self.column_names,
            self.associations,
            self.row_similarity,
            self.column_similarity,
        )


PUBLISHED = {
    "dataset1": PublishedDataset(
        name="dataset1",
        size=(541, 831, 664),
        delimiter="\t",
        name_first=True,
        associations=PublishedFile("miRNA_SM_adj.txt", "5e7142999ac6e667a284990e633909fbf1d32a28"),
        row_similarity=PublishedFile(
            "miRNA_feature.txt", "6186c82534e579df3960514fec71a3ee77dbc91b"
        ),
        column_similarity=PublishedFile(
            "SM_feature.txt", "07b6b8f899e5ef997dfe76b2062161c6065cb8b4"
        ),
        row_names=PublishedFile("miRNA 编号.xlsx", "970a4a818d7b861c6f329e147f2bbd0e569c0ad6"),
        column_names=PublishedFile("SM 编号.xlsx", "f0485235c73eeafd989a49831bbec94495d92a64"),
    ),
    "dataset2": PublishedDataset(
        name="dataset2",
        size=(286, 39, 664),
        delimiter=",",
        name_first=False,
        associations=PublishedFile("miRNA_SM_adj.txt", "46a8cc014d2c42972784e2cd91674e4bb2445708"),
        row_similarity=PublishedFile(
            "miRNA_feature.txt", "cf049d12b87df27c5ee5531e8580cb7dcf653c20"
        ),
        column_similarity=PublishedFile(
            "SM_feature.txt", "508f6666cbc4d6c1ded394e520771738827e50de"
        ),
        row_names=PublishedFile("miRNA数字编号2.xls", "bc65941abbbc87ccad8c76d1ecf213f72e2d0d87"),
        column_names=PublishedFile("SM数字编号2.xls", "fc5cba157c631d46ca97df14ea1a37bf867a2d3a"),
    ),
}


@dataclass(frozen=True)
class NamedAssociations:
    """M names of rows, S of columns and the (M, S) 0/1 matrix of associations."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray


def blob_id(content: bytes) -> str:
    """Git's id of a file's content: sha1 of ``blob <bytes>``, a zero byte and the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def missing_files(published: PublishedDataset, folder: Path) -> list[str]:
    """Published names of the files that are not in the folder."""
    return [file.name for file in published.files if not (folder / file.name).is_file()]


def read_associations(published: PublishedDataset, folder: Path) -> NamedAssociations:
    """Names and associations alone, which need neither similarity file.

    Raises:
        InputError: a file is missing, malformed or does not fit the names.
    """
    rows, columns = (
        read_name_table(
            folder / file.name,
            kind=kind.name,
            name_first=published.name_first,
            is_sound=blob_id(read_bytes(folder / file.name)) == file.blob_id,
        )
        for kind, file in (
            (MIRNA, published.row_names),
            (SMALL_MOLECULE, published.column_names),
        )
    )
    matrix = read_matrix(folder / published.associations.name, published.delimiter)
    tables = f"{published.row_names.name} and {published.column_names.name}"
    check_shape(matrix, (len(rows), len(columns)), tables)
    check_associations(matrix)
    return NamedAssociations(tuple(rows), tuple(columns), matrix.values)


def load_published(published: PublishedDataset, data_dir: Path) -> AssociationDataset:
    """A published data set from its folder below ``data_dir``, byte for byte as published.

    Raises:
        InputError: a file is missing (the error names it and the command that fetches it), is
            malformed (the error names the cell), or reads well but is not the published one.
    """
    folder = data_dir / published.name
    _check_complete(published, folder)
    tables, matrices = published.files[:2], published.files[2:]
    # A reader says more about a damaged matrix than its checksum does, so matrices are read first;
    # a damaged Excel file can bring its reader down, so name tables are not.
    _check_published(published, folder, tables)
    dataset = load_upstream_folder(published, folder)
    _check_published(published, folder, matrices)
    return dataset


def load_upstream_folder(published: PublishedDataset, folder: Path) -> AssociationDataset:
    """A folder with the files of a published data set, whose content may be a user's own.

    Raises:
        InputError: a file is missing, malformed or does not fit the names.
    """
    _check_complete(published, folder)
    known = read_associations(published, folder)
    return AssociationDataset(
        name=folder.resolve().name,
        rows=known.rows,
        columns=known.columns,
        associations=known.values,
        row_similarity=_read_similarity(
            folder / published.row_similarity.name,
            published.delimiter,
            len(known.rows),
            published.row_names.name,
        ),
        column_similarity=_read_similarity(
            folder / published.column_similarity.name,
            published.delimiter,
            len(known.columns),
            published.column_names.name,
        ),
    )


def _check_complete(published: PublishedDataset, folder: Path) -> None:
    missing = missing_files(published, folder)
    if missing:
        raise InputError(
            f"{published.name} lacks {', '.join(missing)}",
            where=str(folder / missing[0]),
            hint=_mend(published, folder),
        )


def _check_published(
    published: PublishedDataset, folder: Path, files: tuple[PublishedFile, ...]
) -> None:
    for file in files:
        actual = blob_id(read_bytes(folder / file.name))
        if actual != file.blob_id:
            raise InputError(
                f"wrong checksum {actual}, published is {file.blob_id}",
                where=str(folder / file.name),
                hint=_mend(published, folder),
            )


def _mend(published: PublishedDataset, folder: Path) -> str:
    data_dir = shlex.quote(str(folder.parent))
    fetch = f"mmatune data download {published.name} --data-dir {data_dir}"
    return (
        f"fetch it with `{fetch}`, or name the folder that holds {published.name} with --data-dir"
    )


def _read_similarity(path: Path, delimiter: str, size: int, names_from: str) -> np.ndarray:
    matrix = read_matrix(path, delimiter)
    check_shape(matrix, (size, size), names_from)
    return symmetric(matrix)
