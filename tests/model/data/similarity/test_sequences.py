"""Sequences by alignments and k-mers: the libraries' own figures, and every problem at once."""

import sys
from collections import Counter
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
from Bio.Align import PairwiseAligner, substitution_matrices

from model.data.similarity import alignment
from model.errors import InputError
from tests.model.data.similarity.made import made, problems

# The starts of ten human proteins: four globins, three insulins, three others.
PROTEINS = {
    "HBA": "MVLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHFDLSHGSAQVKGHG",
    "HBB": "MVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPK",
    "HBD": "MVHLTPEEKTAVNALWGKVNVDAVGGEALGRLLVVYPWTQRFFESFGDLSSPDAVMGNPK",
    "MB": "MGLSDGEWQLVLNVWGKVEADIPGHGQEVLIRLFKGHPETLEKFDKFKHLKSEDEMKASE",
    "INS": "MALWMRLLPLLALLALWGPDPAAAFVNQHLCGSHLVEALYLVCGERGFFYTPKTRREAED",
    "IGF1": "MGKISSLPTQLFKCCFCDFLKVKMHTMSSSHLFYLALCLLTFTSSATAGPETLCGAELVD",
    "IGF2": "MGIPMGKSMLVLLTFLAFASCCIAAYRPSETLCGGELVDTLQFVCGDRGFYFSRPASRVS",
    "UBB": "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYN",
    "H4": "MSGRGKGGKGLGKGGAKRHRKVLRDNIQGITKPAIRRLARRGGVKRISGLIYEETRGVLK",
    "GPX1": "MCAARLAAAAAAAQSVYAFSARPLAGGEPVSLGSLRGKVLLIENVASLUGTTVRDYTQMN",
}
MIRNAS = {"let-7a": "UGAGGUAGUAGGUUGUAUAGUU", "miR-21": "UAGCUUAUCAGACUGAUGUUGA"}


def fasta(path: Path, sequences: dict[str, str]) -> Path:
    text = "".join(f">{name} a protein\n{s[:40]}\n{s[40:]}\n" for name, s in sequences.items())
    path.write_text(text.replace("\n\n", "\n"))
    return path


@pytest.fixture
def proteins(tmp_path: Path) -> Path:
    return fasta(tmp_path / "proteins.fasta", PROTEINS)


@pytest.mark.parametrize("mode", ["local", "global"])
def test_ten_sequences_agree_with_the_aligner(proteins: Path, mode: str) -> None:
    """An aligner that is told matrix and gaps one by one, both ways round."""
    similarity = made("alignment", proteins, settings=[f"mode={mode}"])
    assert similarity.names == tuple(PROTEINS)
    aligner = PairwiseAligner(mode=mode)
    # NCBI's BLOSUM62 has no U: as BLAST does, it is scored as C.
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    aligner.open_gap_score, aligner.extend_gap_score = -12, -1
    texts = [text.replace("U", "C") for text in PROTEINS.values()]
    scores = np.array([[aligner.score(a, b) for b in texts] for a in texts])
    own = scores.diagonal()
    assert (scores < 0).any() == (mode == "global")
    expected = np.maximum(scores, 0) / np.sqrt(np.outer(own, own))
    np.testing.assert_allclose(similarity.values, expected, rtol=0, atol=1e-12)
    at = {name: row for row, name in enumerate(PROTEINS)}
    assert similarity.values[at["HBB"], at["HBD"]] > 0.8 > similarity.values[at["HBB"], at["H4"]]


def test_a_table_gives_the_same_as_fasta(proteins: Path, tmp_path: Path) -> None:
    lines = [f"{name}\t{text.lower()}*" for name, text in PROTEINS.items()]
    (tmp_path / "proteins.tsv").write_text("\n".join(["gene\tsequence", *lines]))
    from_table = made("alignment", tmp_path / "proteins.tsv")
    assert from_table.names == tuple(PROTEINS)
    np.testing.assert_array_equal(from_table.values, made("alignment", proteins).values)


def test_nucleic_acids_are_scored_as_such(tmp_path: Path) -> None:
    path = fasta(tmp_path / "mirnas.fa", MIRNAS)
    similarity = made("alignment", path)
    assert "2 sequences, read as nucleic acids" in similarity.said
    aligner = PairwiseAligner(mode="local", match_score=2, mismatch_score=-3)
    aligner.open_gap_score, aligner.extend_gap_score = -7, -2
    first, second = MIRNAS.values()
    # Each has 22 letters, 2 points a match.
    assert similarity.values[0, 1] == pytest.approx(aligner.score(first, second) / 44)


@pytest.mark.heavy
def test_all_cores_give_what_one_gives(proteins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = made("alignment", proteins)
    monkeypatch.setattr(alignment, "SOON", 0)
    monkeypatch.setattr(alignment, "_cores", lambda: 2)
    monkeypatch.setattr(alignment, "_begin", lambda texts: 1 / 0)  # this process aligns nothing
    np.testing.assert_array_equal(made("alignment", proteins).values, alone.values)


def test_progress_counts_every_cell(proteins: Path) -> None:
    from model.data.similarity.interface import make
    from model.data.similarity.ways import WAYS

    told: list[tuple[int, int]] = []
    make(WAYS["alignment"], [proteins], [], lambda done, total: told.append((done, total)))
    pairs = combinations_with_replacement(PROTEINS.values(), 2)
    assert told[-1] == (told[0][1],) * 2 == (sum(len(a) * len(b) for a, b in pairs),) * 2
    assert len(told) == 10


@pytest.mark.parametrize("measure", ["cosine", "jaccard"])
@pytest.mark.parametrize("k", [2, 3])
def test_kmers_are_counted(proteins: Path, measure: str, k: int) -> None:
    similarity = made("kmers", proteins, settings=[f"k={k}", f"measure={measure}"])
    counts = [Counter(s[i : i + k] for i in range(len(s) - k + 1)) for s in PROTEINS.values()]

    def expected(a: Counter[str], b: Counter[str]) -> float:
        if measure == "jaccard":
            return (a & b).total() / (a | b).total()
        lengths = [sum(c * c for c in one.values()) ** 0.5 for one in (a, b)]
        return sum(a[word] * b[word] for word in a) / lengths[0] / lengths[1]

    table = [[expected(a, b) for b in counts] for a in counts]
    np.testing.assert_allclose(similarity.values, table, rtol=0, atol=1e-12)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "proteins.fa"
    path.write_text(">a\nMKV\n>b\nM-KV\n>c first\n>a\nMKV\n>d\nMK1\n>\nMKV\n")
    lines = problems("kmers", path)
    assert len(lines) == 5
    for row, what in (
        (3, "the sequence of 'b' holds '-' (first at 2), no residue"),
        (5, "'c' has no sequence"),
        (6, "duplicate thing name 'a', already at row 1"),
        (8, "the sequence of 'd' holds '1'"),
        (10, "'' cannot be the name of a thing"),
    ):
        (line,) = (line for line in lines if line.startswith(f"{path}, row {row}"))
        assert what in line


def test_a_sequence_that_is_too_short_or_unknown_is_named(tmp_path: Path) -> None:
    path = fasta(tmp_path / "proteins.fa", {"a": "MKVL", "b": "MK", "c": "XXXX"})
    (line,) = problems("kmers", path)
    assert line.startswith(f"{path}, row 3, column 1: the sequence of 'b' has 2 letters, no word")
    (line,) = problems("alignment", path)
    assert line.startswith(f"{path}, row 5, column 1: the sequence of 'c' scores 0 against itself")


def test_what_is_no_fasta_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text("\nname,sequence\na,MKV\n")
    (line,) = problems("kmers", tmp_path / "a.fasta")
    assert "row 2: the first line does not begin with >" in line
    (tmp_path / "a.docx").write_text("a")
    (line,) = problems("kmers", tmp_path / "a.docx")
    assert ".docx is no table that this reads" in line


@pytest.mark.parametrize("library", ["Bio", "Bio.SeqIO.FastaIO"])
def test_without_biopython_one_line_says_what_to_install(
    proteins: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match="Biopython is needed") as caught:
        made("alignment", proteins)
    assert caught.value.hint == "pip install 'mmatune[similarity]'"
