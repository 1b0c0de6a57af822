"""A made-up network of genes and drugs, and the forms in which people keep such a thing."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from model.data.importing.choices import Choices
from model.data.importing.understanding import Understood, understand

GENES = ("BRCA1", "TP53", "EGFR", "KRAS", "MYC")
DRUGS = ("imatinib", "aspirin", "taxol")
ASSOCIATIONS = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 1, 0], [0, 0, 1]])
GENE_SIMILARITY = np.array(
    [
        [1, 0.5, 0.25, 0.125, 0.75],
        [0.5, 1, 0.375, 0.625, 0.0],
        [0.25, 0.375, 1, 0.875, 0.5],
        [0.125, 0.625, 0.875, 1, 0.25],
        [0.75, 0.0, 0.5, 0.25, 1],
    ]
)
DRUG_SIMILARITY = np.array([[1, 0.5, 0.25], [0.5, 1, 0.75], [0.25, 0.75, 1]])
PAIRS = [(int(gene), int(drug)) for gene, drug in np.argwhere(ASSOCIATIONS)]
NAMED = [(GENES[gene], DRUGS[drug]) for gene, drug in PAIRS]


def text(rows: Iterable[Sequence[object]], delimiter: str = "\t", end: str = "\n") -> str:
    """Rows of a text file."""
    return "".join(delimiter.join(map(str, row)) + end for row in rows)


def with_names(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str]
) -> list[list[object]]:
    """The cells of a matrix with names."""
    cells: list[list[object]] = [["", *columns]]
    return cells + [[name, *row] for name, row in zip(rows, values.tolist(), strict=True)]


def lines(names: Sequence[str]) -> str:
    """Names, one a line."""
    return "".join(f"{name}\n" for name in names)


SIMILARITIES = {
    "gene_similarity.csv": text(with_names(GENE_SIMILARITY, GENES, GENES), ","),
    "drug_similarity.csv": text(with_names(DRUG_SIMILARITY, DRUGS, DRUGS), ","),
}
NAMELESS = {
    "gene similarity.txt": text(GENE_SIMILARITY.tolist()),
    "drug similarity.txt": text(DRUG_SIMILARITY.tolist()),
}
LISTS = {"gene_names.txt": lines(GENES), "drug_names.txt": lines(DRUGS)}


def read(folder: Path, files: Mapping[str, str | bytes], **choices: object) -> Understood:
    """What is understood of a folder with these files."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            (folder / name).write_text(content, encoding="utf-8", newline="")
    return understand([folder], Choices(**choices))  # type: ignore[arg-type]


def check(
    found: Understood,
    *,
    similarities: bool = True,
    names: bool = True,
    kinds: tuple[str, str] = ("gene", "drug"),
) -> None:
    """It is the network above, rows and columns as they are there."""
    assert found.kinds == kinds
    if names:
        assert found.names == (GENES, DRUGS)
    np.testing.assert_array_equal(found.associations, ASSOCIATIONS)
    if similarities:
        np.testing.assert_array_equal(found.similarities[0], GENE_SIMILARITY)
        np.testing.assert_array_equal(found.similarities[1], DRUG_SIMILARITY)
    else:
        assert found.similarities == (None, None)
