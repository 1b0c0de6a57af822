"""What cannot be seen is never guessed: refused with the flag that says it, or told as a change."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from model.data.importing.choices import Choices
from model.data.importing.understanding import understand
from model.errors import InputError
from tests.model.data.importing.network import (
    ASSOCIATIONS,
    DRUG_SIMILARITY,
    DRUGS,
    GENE_SIMILARITY,
    GENES,
    LISTS,
    NAMED,
    NAMELESS,
    PAIRS,
    SIMILARITIES,
    check,
    lines,
    read,
    text,
    with_names,
)

HEADED = text([("gene", "drug"), *NAMED], ",")


def _refused(folder: Path, files: dict[str, str | bytes], **choices: object) -> list[str]:
    with pytest.raises(InputError) as raised:
        read(folder, files, **choices)
    return raised.value.lines()


def test_pairs_that_stand_several_times_are_taken_once(tmp_path: Path) -> None:
    repeated = text([("gene", "drug"), *NAMED, *NAMED[:2]], ",")
    found = read(tmp_path / "mine", {**SIMILARITIES, "known.csv": repeated})
    check(found)
    assert found.changes == ("pairs that stand several times were taken once (2 repetitions)",)


class TestRepeatedNames:
    GENES = ("BRCA1", "TP53", "EGFR", "BRCA1 ", "MYC")

    def test_in_a_list_beside_numbers_are_made_distinct(self, tmp_path: Path) -> None:
        pairs = text([(a + 1, b + 1) for a, b in PAIRS])
        files = {**NAMELESS, **LISTS, "gene_names.txt": lines(self.GENES), "known.txt": pairs}
        found = read(tmp_path / "mine", files)
        assert found.names[0] == ("BRCA1", "TP53", "EGFR", "BRCA1 (2)", "MYC")
        check(found, names=False)
        assert "made distinct (1: 'BRCA1 (2)'); if they are one thing, --groups" in found.changes[0]

    def test_of_a_similarity_in_two_orders(self, tmp_path: Path) -> None:
        genes = ("BRCA1", "TP53", "EGFR", "BRCA1", "MYC")
        cells = text(with_names(GENE_SIMILARITY, genes, genes[::-1]), ",")
        matrix = text(with_names(ASSOCIATIONS, genes, DRUGS), ",")
        files = {**SIMILARITIES, "gene_similarity.csv": cells, "matrix.csv": matrix}
        told = _refused(tmp_path / "mine", files)
        assert "rows and columns have other orders, in which 'BRCA1' stands twice" in told[-1]

    def test_that_pairs_name_are_refused(self, tmp_path: Path) -> None:
        files = {**NAMELESS, **LISTS, "gene_names.txt": lines(self.GENES), "known.csv": HEADED}
        told = _refused(tmp_path / "mine", files)
        assert "which gene is meant cannot be seen: 'BRCA1' names several" in told[0]


class TestMissingNumbers:
    def test_of_the_associations(self, tmp_path: Path) -> None:
        values = ASSOCIATIONS.astype(float)
        values[2, 1] = values[4, 0] = np.nan
        for missing in ("NaN", "", "NA"):
            cells = text(with_names(values, GENES, DRUGS), ",").replace("nan", missing)
            files = {**SIMILARITIES, "matrix.csv": cells}
            [line] = _refused(tmp_path / "mine", files)
            assert "matrix.csv, row 4, column 3: 2 cells of the associations hold no" in line
            assert "--nan-as-0" in line
            found = read(tmp_path / "mine", files, nan_as_0=True)
            check(found)
            assert found.changes == ("2 missing cells of the associations became 0",)

    def test_of_a_similarity(self, tmp_path: Path) -> None:
        content = SIMILARITIES["drug_similarity.csv"].replace("0.75", "NaN")
        files = {**SIMILARITIES, "drug_similarity.csv": content, "known.csv": HEADED}
        [line] = _refused(tmp_path / "mine", files)
        assert "drug_similarity.csv, row 3, column 4: 2 cells of the drug similarity" in line
        found = read(tmp_path / "mine", files, nan_as_0=True)
        assert found.similarities[1][1, 2] == 0

    def test_a_word_among_numbers_is_its_place(self, tmp_path: Path) -> None:
        content = SIMILARITIES["drug_similarity.csv"].replace("0.75", "high", 1)
        files = {**SIMILARITIES, "drug_similarity.csv": content, "known.csv": HEADED}
        [line] = _refused(tmp_path / "mine", files)
        assert "drug_similarity.csv, row 3, column 4: 'high' is no number, in a matrix" in line


class TestAsymmetry:
    def _files(self, difference: float) -> dict[str, str]:
        values = DRUG_SIMILARITY.copy()
        values[0, 1] += difference
        values[1, 2] += difference / 2
        cells = text(with_names(values, DRUGS, DRUGS), ",")
        return {**SIMILARITIES, "drug_similarity.csv": cells, "known.csv": HEADED}

    def test_is_counted_and_refused(self, tmp_path: Path) -> None:
        [line] = _refused(tmp_path / "mine", self._files(0.125))
        assert (
            "drug similarity is not symmetric (2 pairs of cells, largest difference 0.125" in line
        )
        assert "'imatinib' to 'aspirin' is 0.625, the other way round 0.5" in line
        assert "--symmetrise" in line
        found = read(tmp_path / "mine", {}, symmetrise=True)
        assert found.similarities[1][0, 1] == found.similarities[1][1, 0] == 0.5625
        assert "symmetric (2 pairs of cells, largest difference 0.125)" in found.changes[0]

    def test_percent_becomes_a_share(self, tmp_path: Path) -> None:
        cells = text(with_names(DRUG_SIMILARITY * 100, DRUGS, DRUGS), ",")
        files = {**SIMILARITIES, "drug_similarity.csv": cells, "known.csv": HEADED}
        found = read(tmp_path / "mine", files)
        check(found)
        assert found.changes == ("the drug similarity was in percent and was divided by 100",)

    def test_of_rounding_size_is_averaged_and_told(self, tmp_path: Path) -> None:
        found = read(tmp_path / "mine", self._files(0.0009765625))
        assert "symmetric (2 pairs of cells, largest difference 0.000976562)" in found.changes[0]


class TestUnlistedNames:
    EXTRA = text([("gene", "drug"), *NAMED, ("BRCA-1", "taxol"), ("XYZ", "taxol")], ",")

    def test_are_refused_all_at_once(self, tmp_path: Path) -> None:
        told = _refused(tmp_path / "mine", {**SIMILARITIES, "known.csv": self.EXTRA})
        assert len(told) == 2
        assert "'BRCA-1' is not among the 5 names of gene in gene_similarity.csv" in told[0]
        assert "did you mean BRCA1?" in told[0]
        assert "--drop-unlisted" in told[1]

    def test_are_left_out_where_that_is_said(self, tmp_path: Path) -> None:
        found = read(
            tmp_path / "mine", {**SIMILARITIES, "known.csv": self.EXTRA}, drop_unlisted=True
        )
        check(found)
        assert "2 associations of unlisted names were left out" in found.changes

    def test_of_a_matrix(self, tmp_path: Path) -> None:
        genes = (*GENES[:4], "XYZ")
        cells = text(with_names(ASSOCIATIONS, genes, DRUGS), ",")
        [line] = _refused(tmp_path / "mine", {**SIMILARITIES, "matrix.csv": cells})
        assert "'XYZ' is not among" in line
        found = read(tmp_path / "mine", {}, drop_unlisted=True)
        np.testing.assert_array_equal(found.associations[:4], ASSOCIATIONS[:4])
        assert not found.associations[4].any()

    def test_lists_that_contradict_each_other(self, tmp_path: Path) -> None:
        files = {**SIMILARITIES, "known.csv": HEADED, "gene_names.txt": lines((*GENES[:4], "XYZ"))}
        [line] = _refused(tmp_path / "mine", files)
        assert "its names of gene are not those of gene_similarity.csv: 'MYC' is in one" in line


class TestWeights:
    WEIGHTED = text([("gene", "drug", "score"), *((*pair, 0.5) for pair in NAMED)], ",")

    def test_are_refused_without_a_threshold(self, tmp_path: Path) -> None:
        content = self.WEIGHTED + "EGFR,taxol,0.25\n"
        files = {**SIMILARITIES, "known.csv": content}
        [line] = _refused(tmp_path / "mine", files)
        assert "the associations have weights from 0.25 to 0.5" in line
        assert "--threshold 0.5" in line
        assert "--columns 1,2" in line
        found = read(tmp_path / "mine", files, threshold=0.5)
        check(found)
        assert "the 6 pairs of 7 with 0.5 or more are associations" in found.changes[0]

    def test_are_passed_over_where_columns_are_named(self, tmp_path: Path) -> None:
        files = {**SIMILARITIES, "known.csv": self.WEIGHTED}
        for columns in (("1", "2"), ("Gene", "drug")):
            check(read(tmp_path / "mine", files, associations="known.csv", columns=columns))
        [line] = _refused(tmp_path / "mine", files, associations="known.csv", columns=("1", "pill"))
        assert "there is no column 'pill'" in line
        assert "'gene', 'drug', 'score'" in line

    def test_of_a_matrix(self, tmp_path: Path) -> None:
        cells = text(with_names(ASSOCIATIONS * 5.5, GENES, DRUGS), ",")
        [line] = _refused(tmp_path / "mine", {**SIMILARITIES, "matrix.csv": cells})
        assert "weights from 0 to 5.5" in line
        assert "--threshold 5.5" in line

    def test_that_are_small_where_they_are_strong(self, tmp_path: Path) -> None:
        cells = text(with_names(np.where(ASSOCIATIONS, 4.5, 10_000), GENES, DRUGS), ",")
        files = {**SIMILARITIES, "matrix.csv": cells}
        found = read(tmp_path / "mine", files, threshold=30.0, at_most=True)
        check(found)
        assert "the 6 cells of 15 with 30 or less are associations" in found.changes[0]


class TestCounting:
    def _files(self, pairs: list[tuple[int, int]]) -> dict[str, str]:
        return {**NAMELESS, **LISTS, "known.txt": text(pairs)}

    def test_from_where_is_asked_if_it_cannot_be_seen(self, tmp_path: Path) -> None:
        files = self._files([(1, 1), (4, 1), (3, 2)])
        [line] = _refused(tmp_path / "mine", files)
        assert "whether counting begins with 0 or 1 cannot be seen" in line
        for base in (0, 1):
            found = read(tmp_path / "mine", files, index_base=base)
            assert np.argwhere(found.associations).tolist() == [
                [1 - base, 1 - base],
                [3 - base, 2 - base],
                [4 - base, 1 - base],
            ]

    def test_of_which_kind_comes_first_too(self, tmp_path: Path) -> None:
        files = self._files([(0, 1), (2, 1)])
        [line] = _refused(tmp_path / "mine", files)
        assert "which of drug and gene comes first in the associations cannot be seen" in line
        assert "--kinds drug,gene" in line
        for kinds, rows in ((("gene", "drug"), 5), (("drug", "gene"), 3)):
            found = read(tmp_path / "mine", files, kinds=kinds)
            assert np.argwhere(found.associations).tolist() == [[0, 1], [2, 1]]
            assert len(found.names[0]) == rows

    def test_numbers_beside_names_may_not_be_places(self, tmp_path: Path) -> None:
        genes = text([(name, number) for name, number in zip(GENES, (1, 2, 3, 4, 9), strict=True)])
        files = {**self._files([(1, 1), (5, 3)]), "gene_names.txt": genes}
        [line] = _refused(tmp_path / "mine", files)
        assert "are places in gene_names.txt or the numbers beside its names cannot be" in line

    def test_numbers_of_nothing_are_named(self, tmp_path: Path) -> None:
        files = {**NAMELESS, **LISTS, "known.txt": text([(0, 1), (5, 3)])}
        told = _refused(tmp_path / "mine", files, index_base=1)
        assert "row 1: 0 is the number of no gene; they are 1 to 5" in told[0]


class TestKinds:
    FILES: ClassVar = {
        "matrix.csv": text(with_names(ASSOCIATIONS, GENES, DRUGS), ","),
        "simmat_dg.csv": SIMILARITIES["gene_similarity.csv"],
        "simmat_dc.csv": SIMILARITIES["drug_similarity.csv"],
    }

    def test_are_asked_for_with_an_example(self, tmp_path: Path) -> None:
        [line] = _refused(tmp_path / "mine", self.FILES)
        assert "5, such as 'BRCA1', 'TP53', the columns or second ends 3, such as" in line
        assert "--kinds gene,drug" in line
        check(read(tmp_path / "mine", self.FILES, kinds=("gene", "drug")))

    def test_the_one_that_is_seen_is_in_the_example(self, tmp_path: Path) -> None:
        files = {**self.FILES, "disease names.txt": lines(DRUGS)}
        [line] = _refused(tmp_path / "mine", files)
        assert "--kinds gene,disease" in line

    def test_may_be_any_words(self, tmp_path: Path) -> None:
        """Files that are called by the user's own words are known by them."""
        files = {
            "known.csv": HEADED.replace("gene,drug", "writer,work"),
            "work_similarity.csv": SIMILARITIES["drug_similarity.csv"],
            "writer_similarity.csv": SIMILARITIES["gene_similarity.csv"],
        }
        found = read(tmp_path / "mine", files, kinds=("writer", "work"))
        check(found, kinds=("writer", "work"))
        turned = read(tmp_path / "mine", files, kinds=("work", "writer"))
        assert turned.names == (DRUGS, GENES)

    def test_that_contradict_what_is_there(self, tmp_path: Path) -> None:
        files = {**SIMILARITIES, "known.csv": HEADED}
        [line] = _refused(tmp_path / "mine", files, kinds=("gene", "drug"), transpose=True)
        assert "--kinds gene,drug --transpose: the associations are of gene by drug" in line


class TestWhatFitsNowhere:
    def test_is_named_with_the_sizes(self, tmp_path: Path) -> None:
        short = text(GENE_SIMILARITY[:4, :4].tolist())
        files = {**NAMELESS, "gene similarity.txt": short}
        files["m.txt"] = text(ASSOCIATIONS.tolist())
        [line] = _refused(tmp_path / "mine", files)
        assert "gene similarity.txt: 4 x 4 values fit neither side" in line
        assert "the associations have 5 without names and 3 without names" in line

    def test_two_similarities_of_one_side(self, tmp_path: Path) -> None:
        other = SIMILARITIES["drug_similarity.csv"].replace("0.5", "0.25")
        files = {**SIMILARITIES, "drug_by_shape.csv": other, "known.csv": HEADED}
        [line] = _refused(tmp_path / "mine", files)
        assert "2 similarities of drug: drug_by_shape.csv, drug_similarity.csv" in line
        assert "--similarity drug='drug_by_shape.csv'" in line
        found = read(tmp_path / "mine", files, similarities={"drug": "drug_similarity.csv"})
        check(found)
        assert any("not used: drug_by_shape.csv" in note for note in found.notes)

    def test_a_kind_that_is_none_of_the_two_says_nothing(self, tmp_path: Path) -> None:
        """``chemical`` is here what the similarity was made of."""
        files = {
            "known.csv": HEADED,
            "simmat_chemical.csv": SIMILARITIES["drug_similarity.csv"],
            "simmat_go.csv": SIMILARITIES["drug_similarity.csv"],
        }
        given = {"drug": "simmat_go.csv"}
        found = read(tmp_path / "mine", files, kinds=("gene", "drug"), similarities=given)
        np.testing.assert_array_equal(found.similarities[1], DRUG_SIMILARITY)

    def test_a_square_network_without_names_or_words(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        matrix = (rng.random((6, 6)) < 0.4).astype(int)
        matrix[0, 0], matrix[1, 1] = 0, 1
        similarity = np.eye(6) / 2 + 0.5
        files = {
            "m.txt": text(matrix.tolist()),
            "a.txt": text(similarity.tolist()),
            "b.txt": text(similarity.tolist()),
        }
        told = _refused(tmp_path / "mine", files, kinds=("gene", "drug"))
        assert "may be of either side" in told[0]
        given = {"gene": "a.txt", "drug": "b.txt"}
        found = read(tmp_path / "mine", files, kinds=("gene", "drug"), similarities=given)
        np.testing.assert_array_equal(found.associations, matrix)

    def test_similarity_whose_order_is_nowhere(self, tmp_path: Path) -> None:
        told = _refused(tmp_path / "mine", {**NAMELESS, "known.csv": HEADED + "EGFR,taxol\n"})
        assert "which row is which gene cannot be seen" in told[0]
        assert "--names gene=FILE" in told[0]
        assert "which row is which drug cannot be seen" in told[1]


class TestSeveralAssociations:
    def test_that_say_the_same(self, tmp_path: Path) -> None:
        matrix = text(with_names(ASSOCIATIONS, GENES, DRUGS), ",")
        found = read(tmp_path / "mine", {**SIMILARITIES, "known.csv": HEADED, "matrix.csv": matrix})
        check(found)
        assert "the same associations are in matrix.csv" in found.notes

    def test_that_do_not_are_refused(self, tmp_path: Path) -> None:
        matrix = text(with_names(1 - ASSOCIATIONS, GENES, DRUGS), ",")
        files = {**SIMILARITIES, "known.csv": HEADED, "matrix.csv": matrix}
        [line] = _refused(tmp_path / "mine", files)
        assert "2 of the sources may be the associations" in line
        assert "--associations 'known.csv'" in line
        found = read(tmp_path / "mine", files, associations="known.csv")
        check(found)
        assert "not used: matrix.csv, known.csv has the associations" in found.notes

    def test_none(self, tmp_path: Path) -> None:
        [line] = _refused(tmp_path / "mine", dict(SIMILARITIES))
        assert (
            "there are no associations among the sources: drug_similarity.csv is a matrix" in line
        )

    def test_a_file_that_is_no_source(self, tmp_path: Path) -> None:
        files = {**SIMILARITIES, "known.csv": HEADED}
        told = _refused(
            tmp_path / "mine", files, associations="none.csv", names={"drug": "known.csv"}
        )
        assert "--names drug=known.csv: cannot be that: known.csv is a list of 6 pairs" in told[0]
        assert "--associations none.csv: is none of the sources" in told[1]


class TestFiles:
    def test_problems_of_all_files_come_together(self, tmp_path: Path) -> None:
        files: dict[str, str | bytes] = {
            "a.txt": "",
            "b.txt": bytes(range(256)) * 4,
            "c.mat": b"MATLAB 5.0 MAT-file, cut off",
            "d.csv": "gene,drug\n" + "BRCA1,taxol\n" * 8 + "TP53\n",
            "e.txt": "# nothing\n",
        }
        told = _refused(tmp_path / "mine", files)
        assert [line.partition(": ")[0].rpartition("/")[2] for line in told] == [
            "a.txt",
            "b.txt",
            "c.mat",
            "d.csv, row 10, column 2",
            "e.txt",
        ]
        assert "1 cells here, but 2 in most rows" in told[3]

    def test_what_is_no_data_is_passed_over_and_named(self, tmp_path: Path) -> None:
        files = {**SIMILARITIES, "known.csv": HEADED, "README.txt": "Read me\n", "run.m": "x"}
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "more").mkdir()
        found = read(tmp_path / "mine", files)
        check(found)
        assert "not read: README.txt, more, run.m" in found.notes

    def test_a_folder_without_data(self, tmp_path: Path) -> None:
        [line] = _refused(tmp_path / "mine", {"run.m": "x"})
        assert "holds no file of a form that is read" in line

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            understand([tmp_path / "none.csv"], Choices())

    def test_an_encoding_that_is_none(self, tmp_path: Path) -> None:
        for encoding in ("nonsense", "ascii"):
            files = {"known.csv": "disease,drug\nSjögren,taxol\n"}
            [line] = _refused(tmp_path / "mine", files, encoding=encoding)
            assert f"cannot be read as {encoding}" in line
