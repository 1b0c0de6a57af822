"""Every form in which people have associations: imported as it should be."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse

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
from tests.model.data.old_spreadsheet import write_xls
from tests.model.data.spreadsheet import write_sheets

WEIGHTED = np.where(ASSOCIATIONS, 0.75, 0.125)
TRIPLES = [(*pair, 1) for pair in PAIRS]

MATRICES = {
    "named": (SIMILARITIES, with_names(ASSOCIATIONS, GENES, DRUGS), {}),
    "named, rows in another order": (
        SIMILARITIES,
        with_names(ASSOCIATIONS[::-1], GENES[::-1], DRUGS),
        {},
    ),
    "named, transposed": (SIMILARITIES, with_names(ASSOCIATIONS.T, DRUGS, GENES), {"kinds": True}),
    "nameless": (NAMELESS | LISTS, ASSOCIATIONS.tolist(), {}),
    "nameless, transposed": (NAMELESS | LISTS, ASSOCIATIONS.T.tolist(), {"kinds": True}),
    "weighted": (SIMILARITIES, with_names(WEIGHTED, GENES, DRUGS), {"threshold": 0.5}),
    "weighted, nameless": (NAMELESS | LISTS, WEIGHTED.tolist(), {"threshold": 0.5}),
    "names of rows alone": (
        NAMELESS | LISTS,
        with_names(ASSOCIATIONS, GENES, DRUGS)[1:],
        {},
    ),
    "names of columns alone": (SIMILARITIES, [DRUGS, *ASSOCIATIONS.tolist()], {}),
    "counted rows and columns": (
        NAMELESS | LISTS,
        with_names(ASSOCIATIONS, list("01234"), list("012")),
        {},
    ),
}


@pytest.mark.parametrize("form", MATRICES)
def test_matrices(form: str, tmp_path: Path) -> None:
    files, cells, choices = MATRICES[form]
    choices = dict(choices)
    if choices.pop("kinds", False):
        choices["kinds"] = ("gene", "drug")
    found = read(tmp_path / "mine", {**files, "matrix.txt": text(cells)}, **choices)
    check(found)
    assert ("turned round" in found.notes[0]) == ("transposed" in form)


def test_what_is_transposed_without_a_sign_of_it_needs_the_flag(tmp_path: Path) -> None:
    files = {
        "matrix.csv": text(with_names(ASSOCIATIONS.T, DRUGS, GENES), ","),
        "a.csv": SIMILARITIES["gene_similarity.csv"],
        "b.csv": SIMILARITIES["drug_similarity.csv"],
    }
    check(read(tmp_path / "mine", files, kinds=("gene", "drug"), transpose=True))


LISTED = {
    "places from 1": (text([(a + 1, b + 1) for a, b in PAIRS]), NAMELESS | LISTS),
    "places from 0": (text(PAIRS), NAMELESS | LISTS),
    "triples from 1": (text([(a + 1, b + 1, 1) for a, b in PAIRS], " "), NAMELESS | LISTS),
    "triples from 0": (text(TRIPLES, " "), NAMELESS | LISTS),
    "places under a header": (
        text([("drug", "gene"), *((b + 1, a + 1) for a, b in PAIRS)], ","),
        NAMELESS | LISTS,
    ),
    "labels of 0 and 1": (
        text(
            [
                (a + 1, b + 1, ASSOCIATIONS[a, b])
                for a in range(len(GENES))
                for b in range(len(DRUGS))
            ]
        ),
        NAMELESS | LISTS,
    ),
    "names": (text(NAMED), SIMILARITIES),
    "names under a header": (text([("gene", "drug"), *NAMED], ","), SIMILARITIES),
    "names under a header of more words": (
        text([("Gene symbol", "Drug name"), *NAMED], ","),
        SIMILARITIES,
    ),
    "names by spaces": (text(NAMED, "   "), SIMILARITIES),
    "names in the other order": (
        text([("DRUG", "Gene"), *((b, a) for a, b in NAMED)], ";"),
        SIMILARITIES,
    ),
    "names in quotation marks": (
        text([[f'"{cell}"' for cell in pair] for pair in NAMED], " "),
        SIMILARITIES,
    ),
    "more columns": (
        text(
            [
                ("year", "gene", "evidence", "drug", "pmid"),
                *((2001 + i, a, "assay", b, 1000 + 7 * i) for i, (a, b) in enumerate(NAMED)),
            ]
        ),
        SIMILARITIES,
    ),
    "a column of row numbers": (
        text([("", "gene", "drug"), *((i, *pair) for i, pair in enumerate(NAMED))], ","),
        SIMILARITIES,
    ),
    "comments and blank lines": ("# made by hand\n\n" + text(NAMED) + "\n#end\n", SIMILARITIES),
    "a header behind a mark": (text([("#gene", "drug"), *NAMED]), SIMILARITIES),
    "a header behind remarks": (
        "# made, by, hand\n# Fields:\n# gene,drug\n#\n" + text(NAMED, ","),
        SIMILARITIES,
    ),
    "an empty column at the end": (text([(*pair, "") for pair in NAMED], ","), SIMILARITIES),
}


@pytest.mark.parametrize("form", LISTED)
def test_lists(form: str, tmp_path: Path) -> None:
    content, files = LISTED[form]
    choices = {} if "drug" in content.casefold() else {"kinds": ("gene", "drug")}
    found = read(tmp_path / "mine", {**files, "known.txt": content}, **choices)
    if form in ("places under a header", "names in the other order"):
        assert found.kinds == ("drug", "gene")
        found = read(tmp_path / "mine", {}, kinds=("gene", "drug"))
    check(found)


def test_what_columns_are_not_used_is_said(tmp_path: Path) -> None:
    found = read(tmp_path / "mine", {**SIMILARITIES, "known.txt": LISTED["more columns"][0]})
    assert "columns of known.txt that are not used: year, evidence, pmid" in found.notes


def test_numbers_may_be_names(tmp_path: Path) -> None:
    """Such as identifiers of PubChem and of Entrez."""
    genes, drugs = ("672", "7157", "1956", "3845", "4609"), ("5291", "2244", "36314")
    pairs = [(genes[a], drugs[b]) for a, b in PAIRS]
    files = {
        "gene_similarity.tsv": text(with_names(GENE_SIMILARITY, genes, genes)),
        "drug_similarity.tsv": text(with_names(DRUG_SIMILARITY, drugs, drugs)),
        "known.tsv": text([("gene", "drug"), *pairs]),
    }
    found = read(tmp_path / "mine", files)
    assert found.names == (genes, drugs)
    check(found, names=False)
    alone = read(tmp_path / "alone", {"known.tsv": files["known.tsv"]})
    assert set(alone.names[0]) == set(genes) - {"1956"}


@pytest.mark.parametrize(
    "table",
    [
        [(i + 1, name) for i, name in enumerate(GENES)],
        [(name, i + 1) for i, name in enumerate(GENES)],
        [(name, i + 1) for i, name in enumerate(GENES)][::-1],
        [("name", "number"), *((name, i + 1) for i, name in enumerate(GENES))],
        [("number", "name"), *((i, name) for i, name in enumerate(GENES))],
        [(i + 1, name, f"symbol {name}") for i, name in enumerate(GENES)],
    ],
    ids=["number first", "name first", "unordered", "header", "from 0", "a third column"],
)
def test_tables_of_names(table: list[tuple[object, ...]], tmp_path: Path) -> None:
    base = 0 if table[1][0] == 0 else 1
    files = {
        **NAMELESS,
        "gene_names.txt": text(table),
        "drug_names.csv": lines(DRUGS),
        "known.txt": text([(a + base, b + base) for a, b in PAIRS if b < 2]),
    }
    found = read(tmp_path / "mine", files)
    assert found.names == (GENES, DRUGS)
    np.testing.assert_array_equal(found.associations[:, :2], ASSOCIATIONS[:, :2])


@pytest.mark.parametrize(
    "table",
    [
        [("DrugBank ID", "name"), *((name, f"{name} (trade)") for name in DRUGS)],
        [(name, f"{name} (trade)", f"C{i}CO") for i, name in enumerate(DRUGS)],
    ],
    ids=["two columns", "three columns"],
)
def test_the_first_column_of_a_table_may_name_a_side(
    table: list[tuple[str, ...]], tmp_path: Path
) -> None:
    files = {**NAMELESS, "genes.txt": lines(("Gene symbol", *GENES)), "drugs.tsv": text(table)}
    files["known.csv"] = text([("gene", "drug"), *NAMED], ",")
    found = read(tmp_path / "mine", files, associations="known.csv", names={"drug": "drugs.tsv"})
    check(found)


def test_numbers_beside_names_need_not_count_through(tmp_path: Path) -> None:
    """Such as identifiers, or a list that somebody shortened."""
    numbers = (2, 3, 5, 1, 9)
    files = {
        **NAMELESS,
        "gene_names.txt": text(zip(GENES, numbers, strict=True)),
        "drug_names.txt": text(zip(DRUGS, (70, 80, 90), strict=True)),
        "known.txt": text([(numbers[a], (b + 7) * 10) for a, b in PAIRS]),
    }
    found = read(tmp_path / "mine", files)
    check(found)
    assert "numbers of known.txt are those beside the names in gene_names.txt" in found.notes


def test_what_is_taken_for_a_header_and_for_an_order_is_said(tmp_path: Path) -> None:
    files = {**NAMELESS, **LISTS, "gene_names.txt": "Symbol\n" + lines(GENES)}
    found = read(tmp_path / "mine", {**files, "known.txt": text([(a, b) for a, b in PAIRS])})
    check(found)
    assert "a list of 6 pairs of numbers, no header" in found.notes[0]
    assert "names from gene_names.txt under the header Symbol, in whose order" in found.notes[1]


def test_names_of_two_words_are_no_pairs(tmp_path: Path) -> None:
    diseases = ("Breast Neoplasms", "Lung Neoplasms", "Lung Cancer")
    pairs = text([(a, diseases[DRUGS.index(b)]) for a, b in NAMED])
    found = read(
        tmp_path / "mine",
        {**NAMELESS, "gene_names.txt": lines(GENES), "names.txt": lines(diseases), "k.tsv": pairs}
        | {"drug similarity.txt": NAMELESS["drug similarity.txt"]},
        kinds=("gene", "disease"),
        names={"disease": "names.txt"},
        similarities={"disease": "drug similarity.txt"},
    )
    assert found.names == (GENES, diseases)
    check(found, names=False, kinds=("gene", "disease"))


@pytest.mark.parametrize(
    ("delimiter", "suffix"),
    [(",", "csv"), ("\t", "tsv"), ("\t", "txt"), ("  ", "txt"), (";", "csv"), ("|", "dat")],
)
def test_delimiters(delimiter: str, suffix: str, tmp_path: Path) -> None:
    cells = {
        "gene_similarity": with_names(GENE_SIMILARITY, GENES, GENES),
        "drug_similarity": with_names(DRUG_SIMILARITY, DRUGS, DRUGS),
        "matrix": with_names(ASSOCIATIONS, GENES, DRUGS),
    }
    files = {f"{name}.{suffix}": text(rows, delimiter) for name, rows in cells.items()}
    check(read(tmp_path / "mine", files))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas(delimiter: str, tmp_path: Path) -> None:
    files = {
        name: content.replace(",", delimiter).replace(".", ",")
        for name, content in SIMILARITIES.items()
    }
    pairs = text([("gene", "drug"), *NAMED], delimiter, "\r\n")
    check(read(tmp_path / "mine", {**files, "known.csv": f"sep={delimiter}\r\n" + pairs}))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    files = {name: content.encode(encoding) for name, content in SIMILARITIES.items()}
    pairs = text([("gene", "drug"), *NAMED], ",", "\r\n").encode(encoding)
    check(read(tmp_path / "mine", {**files, "known.csv": pairs}))


@pytest.mark.parametrize(
    ("encoding", "shown", "choices"),
    [
        ("latin-1", "Windows-1252, for example 'Sjögren,imatinib'", {}),
        ("gb18030", "", {"encoding": "gb18030"}),
    ],
)
def test_other_encodings_are_said(
    encoding: str, shown: str, choices: dict[str, str], tmp_path: Path
) -> None:
    pairs = text([("disease", "drug"), ("Sjögren", "imatinib"), ("gout", "aspirin")], ",")
    found = read(tmp_path / "mine", {"known.csv": pairs.encode(encoding)}, **choices)
    assert found.names == (("Sjögren", "gout"), ("imatinib", "aspirin"))
    assert any(shown in note for note in found.notes)


def _mat(variables: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, variables)
    return stream.getvalue()


class TestMatlab:
    VARIABLES = ("interaction", "gene_similarity", "drug_similarity", "gene_names", "drug_names")

    def test_version_5(self, tmp_path: Path) -> None:
        cells = [np.array([[name] for name in names], dtype=object) for names in (GENES, DRUGS)]
        values = (ASSOCIATIONS, GENE_SIMILARITY, DRUG_SIMILARITY, *cells)
        content = _mat(dict(zip(self.VARIABLES, values, strict=True)))
        found = read(tmp_path / "mine", {"network.mat": content})
        check(found)
        assert found.notes[0].startswith("associations: network.mat:interaction, a matrix of 5 x 3")

    def test_version_5_sparse_and_in_a_struct(self, tmp_path: Path) -> None:
        content = _mat(
            {
                "Y": scipy.sparse.csc_array(ASSOCIATIONS.astype(float)),
                "s": {"gene_similarity": GENE_SIMILARITY, "drug_similarity": DRUG_SIMILARITY},
                "gene_names": np.array(GENES),
                "drug_names": np.array(DRUGS),
                "comment": "made up",
            }
        )
        check(read(tmp_path / "mine", {"network.mat": content}))

    def test_version_7_3(self, tmp_path: Path) -> None:
        stream = io.BytesIO()
        with h5py.File(stream, "w", userblock_size=512) as file:
            for name, values in (
                ("interaction", ASSOCIATIONS),
                ("gene_similarity", GENE_SIMILARITY),
                ("drug_similarity", DRUG_SIMILARITY),
            ):
                made = file.create_dataset(name, data=values.T.astype(float))
                made.attrs["MATLAB_class"] = np.bytes_("double")
            for name, names in (("gene_names", GENES), ("drug_names", DRUGS)):
                cell = file.create_dataset(name, (1, len(names)), dtype=h5py.ref_dtype)
                cell.attrs["MATLAB_class"] = np.bytes_("cell")
                for i, text_ in enumerate(names):
                    codes = np.array([[ord(letter)] for letter in text_], dtype=np.uint16)
                    inner = file.create_dataset(f"#refs#/{name}{i}", data=codes)
                    inner.attrs["MATLAB_class"] = np.bytes_("char")
                    cell[0, i] = inner.ref
        content = b"MATLAB 7.3 MAT-file".ljust(512) + stream.getvalue()[512:]
        check(read(tmp_path / "mine", {"network.mat": content}))

    def test_version_7_3_sparse(self, tmp_path: Path) -> None:
        sparse = scipy.sparse.csc_array(ASSOCIATIONS.astype(float))
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            group = file.create_group("interaction")
            group.attrs["MATLAB_sparse"] = np.uint64(len(GENES))
            group.attrs["MATLAB_class"] = np.bytes_("double")
            for name, data in (
                ("data", sparse.data),
                ("ir", sparse.indices.astype(np.uint64)),
                ("jc", sparse.indptr.astype(np.uint64)),
            ):
                group.create_dataset(name, data=data)
        check(read(tmp_path / "mine", {**NAMELESS, **LISTS, "i.mat": stream.getvalue()}))


@pytest.mark.heavy
class TestExcel:
    """Excel files are read by a process of their own."""

    def test_several_sheets(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        write_sheets(
            tmp_path / "mine" / "network.xlsx",
            {
                "known pairs": [["gene", "drug", "PMID"], *([*pair, 17] for pair in NAMED)],
                "gene similarity": with_names(GENE_SIMILARITY, GENES, GENES),
                "drug similarity": with_names(DRUG_SIMILARITY, DRUGS, DRUGS),
            },
        )
        found = read(tmp_path / "mine", {})
        check(found)
        assert found.notes[0].startswith("associations: network.xlsx:known pairs, a list of 6")

    def test_old_files(self, tmp_path: Path) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        write_xls(folder / "known.xls", [["gene", "drug"], *map(list, NAMED)])
        write_xls(folder / "g.xls", with_names(GENE_SIMILARITY, GENES, GENES))
        write_xls(folder / "d.xls", with_names(DRUG_SIMILARITY, DRUGS, DRUGS))
        check(read(folder, {}))

    def test_a_damaged_file_is_one_line(self, tmp_path: Path) -> None:
        path = write_xls(tmp_path / "known.xls", [["gene", "drug"]])
        path.write_bytes(path.read_bytes()[:900])
        with pytest.raises(InputError, match="Excel file") as raised:
            understand([path], Choices())
        assert raised.value.where == str(path)

    def test_tables_of_names(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        for kind, names in (("gene", GENES), ("drug", DRUGS)):
            rows = [[name, i + 1] for i, name in enumerate(names)]
            write_sheets(tmp_path / "mine" / f"{kind} names.xlsx", {"Sheet1": rows[::-1]})
        pairs = text([(a + 1, b + 1) for a, b in PAIRS])
        check(read(tmp_path / "mine", {**NAMELESS, "known.txt": pairs}))


def test_text_under_the_name_of_an_excel_file(tmp_path: Path) -> None:
    """As programs write it that only print tabs."""
    files = {name.replace("csv", "xls"): content for name, content in SIMILARITIES.items()}
    check(read(tmp_path / "mine", {**files, "k.xls": text([("gene", "drug"), *NAMED])}))


def test_pairs_alone(tmp_path: Path) -> None:
    found = read(tmp_path / "mine", {"known.csv": text([("gene", "drug"), *NAMED], ",")})
    assert found.names == (("BRCA1", "TP53", "KRAS", "MYC"), DRUGS)
    assert found.similarities == (None, None)
    assert found.associations.sum() == len(PAIRS)


def test_things_without_names_get_some(tmp_path: Path) -> None:
    pairs = text([(a + 1, b + 1, 1) for a, b in PAIRS], " ")
    found = read(tmp_path / "mine", {**NAMELESS, "known.txt": pairs})
    assert found.names[0] == ("gene 1", "gene 2", "gene 3", "gene 4", "gene 5")
    check(found, names=False)
    assert "names were made for the gene side: 'gene 1' and so on" in found.changes
