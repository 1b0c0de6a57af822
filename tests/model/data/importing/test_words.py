"""What a file's name or a header says of kinds, and what it does not."""

import pytest

from model.data.importing.words import header_kind, is_header_word, kind_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("disease name", "disease"),
        ("disease semantic similarity matrix 1", "disease"),
        ("microbe_features", "microbe"),
        ("miRNA数字编号2", "miRNA"),
        ("SM 编号", "small molecule"),
        ("small_molecule_similarity", "small molecule"),
        ("drug-drug_similarities_2D", "drug"),
        ("Similarity_Matrix_Proteins", "protein"),
        ("geneSimilarity", "gene"),
        ("side effects", "side effect"),
        ("viruses", "virus"),
        ("dis_sim", "disease"),
        ("knowndiseasemirnainteraction", None),
        ("functional similarity matrix", None),
        ("gpcr_simmat_dg", None),
        ("mat_drug_protein", None),
        ("", None),
    ],
)
def test_kinds(text: str, kind: str | None) -> None:
    assert kind_of(text) == kind


def test_kinds_of_the_user_win() -> None:
    assert kind_of("author_names", ("author", "patent")) == "author"
    assert kind_of("host protein similarity", ("host protein", "virus protein")) == "host protein"
    assert kind_of("host protein similarity") is None


@pytest.mark.parametrize(
    ("cell", "is_header", "kind"),
    [
        ("gene", True, "gene"),
        ("Gene Symbol", True, "gene"),
        ("DrugBank ID", True, "drug"),
        ("PMID", True, None),
        ("diseaseName", True, "disease"),
        ("BRCA1", False, "BRCA"),
        ("Breast Neoplasms", False, "Breast Neoplasms"),
        ("writer", False, "writer"),
        ("CID:137", False, None),
    ],
)
def test_headers(cell: str, is_header: bool, kind: str | None) -> None:
    assert is_header_word(cell) == is_header
    assert header_kind(cell) == kind
