"""What things are called: keys, plurals, and the words that are known."""

import pytest

from model.data.kinds import MIRNA, SMALL_MOLECULE, kind_of


@pytest.mark.parametrize(
    ("word", "name", "plural", "key"),
    [
        ("gene", "gene", "genes", "gene"),
        ("Gene", "gene", "genes", "gene"),
        ("DRUG", "drug", "drugs", "drug"),
        ("SNP", "SNP", "SNPs", "snp"),
        ("lncRNA", "lncRNA", "lncRNAs", "lncrna"),
        ("protein family", "protein family", "protein families", "protein_family"),
        ("virus", "virus", "viruses", "virus"),
        ("assay", "assay", "assays", "assay"),
        ("species", "species", "species", "species"),
        ("Side_Effect", "side effect", "side effects", "side_effect"),
        ("cell-line (human)", "cell-line (human)", "cell-line (human)s", "cell_line_human"),
        ("microRNA", "microRNA", "microRNAs", "microrna"),
        ("Krankheit", "krankheit", "krankheits", "krankheit"),
        ("gène", "gène", "gènes", "gène"),
    ],
)
def test_a_word_of_the_data(word: str, name: str, plural: str, key: str) -> None:
    kind = kind_of(word)
    assert (kind.name, kind.plural, kind.key) == (name, plural, key)
    assert kind.similarity == f"{key}_similarity"
    assert kind.is_called(name.upper())
    assert kind.is_called(plural)
    assert not kind.is_called("other")


def test_the_kinds_of_the_published_sets_are_known_in_several_spellings() -> None:
    assert {kind_of(word) for word in ("mirna", "miRNA", "MIRNA")} == {MIRNA}
    words = ("small_molecule", "Small molecule", "smallMolecule", "SM", "small-molecule")
    assert {kind_of(word) for word in words} == {SMALL_MOLECULE}
    assert kind_of("sm", "compounds").plural == "compounds"


def test_counts_and_articles() -> None:
    assert [kind_of("enzyme").one, kind_of("user").one] == ["an enzyme", "a user"]
    assert [kind_of("fly").counted(n) for n in (1, 2)] == ["1 fly", "2 flies"]
