"""Folders as people make them: read, or refused with every problem, its place and its mend."""

import io
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from model.data.association_file import Sides, associations_of
from model.data.kinds import DEFAULT_KINDS
from model.data.readers import Table
from model.data.user_data import load_user_folder
from model.errors import DataWarning, InputError

MIRNAS, MOLECULES = ("mir-1", "mir-2", "mir-3"), ("sm-1", "sm-2")
GOOD = {
    "mirna_similarity.csv": ",mir-1,mir-2,mir-3\nmir-1,1,.2,.3\nmir-2,.2,1,.4\nmir-3,.3,.4,1\n",
    "small_molecule_similarity.csv": ",sm-1,sm-2\nsm-1,1,0.5\nsm-2,0.5,1\n",
    "associations.csv": "mirna,small_molecule\nmir-3,sm-1\nmir-1,sm-2\n",
}
ASSOCIATIONS = [[0, 1], [0, 0], [1, 0]]


def _folder(path: Path, **files: str | bytes | None) -> Path:
    """The good folder, with files replaced by these; ``__`` stands for the dot, None for none."""
    path.mkdir()
    for name, text in (
        GOOD | {name.replace("__", "."): text for name, text in files.items()}
    ).items():
        if isinstance(text, str):
            (path / name).write_text(text, encoding="utf-8", newline="")
        elif text is not None:
            (path / name).write_bytes(text)
    return path


def _refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as raised:
        load_user_folder(folder)
    return raised.value


@pytest.mark.parametrize(
    "associations",
    [
        "miRNA,SM\nmir-3,sm-1\nmir-1,sm-2\n",
        "Small Molecule,MIRNA\nsm-1,mir-3\nsm-2,mir-1\n",
        "mirna,small_molecule\nmir-3,sm-1\n\nmir-1,sm-2\n,\n , \n",
        "mirna,small_molecule,\nmir-3,sm-1,\nmir-1,sm-2,\n",
        "mirna;small_molecule\r\nmir-3;sm-1\r\nmir-1;sm-2\r\n;\r\n",
        "sep=;\r\nmirna;small_molecule\r\nmir-3;sm-1\r\nmir-1;sm-2\r\n",
        "SEP=,\nmirna,small_molecule\nmir-3,sm-1\nmir-1,sm-2\n",
        ";sm-1;sm-2\nmir-1;0;1\nmir-2;0;0\nmir-3;1,0;0\n",
        "mirna,small_molecule\nmir-3,sm-1\nmir-1,sm-2\n".encode("utf-16"),
        "\ufeffmirna,small_molecule\nmir-3,sm-1\nmir-1,sm-2\n",
    ],
    ids=[
        "other spellings of the header",
        "with a space, the other way round",
        "rows of empty cells",
        "a column of empty cells",
        "semicolons",
        "sep=;",
        "sep=,",
        "matrix with semicolons",
        "UTF-16",
        "byte order mark",
    ],
)
def test_what_spreadsheets_write_is_read(associations: str | bytes, tmp_path: Path) -> None:
    dataset = load_user_folder(_folder(tmp_path / "mine", associations__csv=associations))
    np.testing.assert_array_equal(dataset.associations, ASSOCIATIONS)


def test_a_decimal_comma_is_read_between_semicolons_and_tabs(tmp_path: Path) -> None:
    for suffix, delimiter in (("csv", ";"), ("tsv", "\t")):
        text = "\tsm-1\tsm-2\nsm-1\t1\t0,25\nsm-2\t0,25\t1\n".replace("\t", delimiter)
        files = {"small_molecule_similarity__csv": None}
        files |= {f"small_molecule_similarity__{suffix}": text}
        dataset = load_user_folder(_folder(tmp_path / suffix, **files))
        assert dataset.column_similarity[0, 1] == 0.25


def test_a_decimal_comma_between_commas_is_named(tmp_path: Path) -> None:
    text = ',sm-1,sm-2\nsm-1,1,"0,5"\nsm-2,"0,5",1\n'
    error = _refusal(_folder(tmp_path / "mine", small_molecule_similarity__csv=text))
    assert "'0,5' is not a finite number" in error.message
    assert "semicolons" in error.hint
    assert len(error.lines()) == 2


@pytest.mark.parametrize(
    "text",
    ["mir-3,sm-1\nmir-1,sm-2\n", "sm-1,mir-3\nsm-2,mir-1\n", "mir-3,sm-1,0.7\nmir-1,sm-2,1\n"],
)
def test_pairs_without_a_header_are_named(text: str, tmp_path: Path) -> None:
    error = _refusal(_folder(tmp_path / "mine", associations__csv=text))
    assert "the header is missing" in error.message
    assert error.where.endswith("associations.csv, row 1")
    assert "mirna,small_molecule" in error.hint
    assert len(error.lines()) == 1


def test_words_in_place_of_numbers_are_one_line(tmp_path: Path) -> None:
    text = "who,what,when\n" + "mir-1,sm-1,today\n" * 30
    error = _refusal(_folder(tmp_path / "mine", associations__csv=text))
    assert "no cell is a number" in error.message
    assert len(error.lines()) == 1


class TestAllAtOnce:
    """Every problem is counted; the first twenty are told."""

    def test_of_one_file(self, tmp_path: Path) -> None:
        text = "mirna,small_molecule\n" + "".join(f"gene-{i},sm-1\n" for i in range(40))
        error = _refusal(_folder(tmp_path / "mine", associations__csv=text))
        lines = error.lines()
        assert len(lines) == 21
        assert lines[-1] == "... and 20 more"
        for row, line in enumerate(lines[:-1], start=2):
            assert f"associations.csv, row {row}, column 1: unknown miRNA 'gene-{row - 2}'" in line
            assert "the miRNAs are mir-1, mir-2, mir-3" in line
        assert str(error).endswith("(and 39 more)")

    def test_of_all_files(self, tmp_path: Path) -> None:
        files = {
            "mirna_similarity__csv": ",mir-1,mir-2\nmir-1,x,.2\nmir-2,.2,nan\n",
            "small_molecule_similarity__csv": ",sm-1,sm-2\nsm-1,1,0.5\nsm-9,0.5,1\n",
            "associations__csv": "mirna,small_molecule\nmir-1\nmir-2\n",
        }
        lines = _refusal(_folder(tmp_path / "mine", **files)).lines()
        places = [line.partition(": ")[0].rpartition("/")[2] for line in lines]
        assert places == [
            "mirna_similarity.csv, row 2, column 2",
            "mirna_similarity.csv, row 3, column 3",
            "small_molecule_similarity.csv, row 3, column 1",
            "associations.csv, row 2, column 2",
            "associations.csv, row 3, column 2",
        ]

    def test_missing_files(self, tmp_path: Path) -> None:
        lines = _refusal(_folder(tmp_path / "mine", **dict.fromkeys(_as_keys(GOOD)))).lines()
        assert "nothing names two kinds of things" in lines[0]
        assert "there is neither associations.csv nor associations.tsv" in lines[1]

    def test_names_of_the_other_side(self, tmp_path: Path) -> None:
        text = "mirna,small_molecule\n" + "mir-1,sm-1\n" * 3 + "sm-1,mir-1\nmir_2,sm 1\n"
        lines = _refusal(_folder(tmp_path / "mine", associations__csv=text)).lines()
        assert len(lines) == 4
        assert "it is the name of a small molecule" in lines[0]
        assert "it is the name of a miRNA" in lines[1]
        assert "did you mean mir-2?" in lines[2]
        assert "did you mean sm-1?" in lines[3]


def _as_keys(files: dict[str, str]) -> list[str]:
    return [name.replace(".", "__") for name in files]


class TestNearlySymmetric:
    """Differences of rounding size are averaged and told, larger ones counted and refused."""

    def _text(self, *differences: float) -> str:
        values = np.array([[1, 0.25, 0.5], [0.25, 1, 0.75], [0.5, 0.75, 1]])
        for (row, column), difference in zip(((0, 1), (0, 2), (1, 2)), differences, strict=False):
            values[column, row] += difference
        lines = [",".join(["", *MIRNAS])]
        for name, row in zip(MIRNAS, values.tolist(), strict=True):
            lines.append(",".join([name, *map(repr, row)]))
        return "\n".join(lines)

    def test_rounding_is_averaged_with_one_line(self, tmp_path: Path) -> None:
        folder = _folder(tmp_path / "mine", mirna_similarity__csv=self._text(1e-4, -4e-4))
        with pytest.warns(DataWarning) as caught:
            dataset = load_user_folder(folder)
        [line] = [str(warning.message) for warning in caught]
        assert "mirna_similarity.csv, row 2, column 4: not symmetric: 0.5 here, but 0.4996" in line
        assert "at row 4, column 2; 2 pairs of cells differ" in line
        similarity = dataset.row_similarity
        np.testing.assert_array_equal(similarity, similarity.T)
        assert similarity[0, 1] == pytest.approx(0.25005)

    def test_noise_is_left_as_it_is(self, tmp_path: Path) -> None:
        """So that studies made on such data find the same content hash."""
        folder = _folder(tmp_path / "mine", mirna_similarity__csv=self._text(5e-7))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dataset = load_user_folder(folder)
        assert dataset.row_similarity[0, 1] == 0.25
        assert dataset.row_similarity[1, 0] == 0.25 + 5e-7

    def test_more_is_refused_with_its_size(self, tmp_path: Path) -> None:
        folder = _folder(tmp_path / "mine", mirna_similarity__csv=self._text(0.01, 0.185, 1e-9))
        error = _refusal(folder)
        assert error.where.endswith("mirna_similarity.csv, row 2, column 4")
        assert "0.5 here, but 0.685 at row 4, column 2; 2 pairs of cells differ" in error.message
        assert "mmatune data symmetrise" in error.hint
        averaged = load_user_folder(folder, average=True)
        assert averaged.row_similarity[0, 2] == averaged.row_similarity[2, 0] == 0.5925


class TestNamesBeside:
    """``mirna_names.txt``, which names the rows of a `.npy` similarity."""

    def _folder(self, path: Path, names: bytes, matrix: bytes | None = None) -> Path:
        if matrix is None:
            stream = io.BytesIO()
            np.save(stream, np.eye(3))
            matrix = stream.getvalue()
        files = {"mirna_similarity__csv": None, "mirna_similarity__npy": matrix}
        return _folder(path, **files, mirna_names__txt=names)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_encodings_that_are_read(self, encoding: str, tmp_path: Path) -> None:
        text = "mir-1\r\nmir-2\r\nmir-3\r\n\r\n"
        dataset = load_user_folder(self._folder(tmp_path / "mine", text.encode(encoding)))
        assert dataset.rows == MIRNAS

    @pytest.mark.parametrize(
        ("names", "row", "words"),
        [
            ("mir-1\nmir-é\nmir-3\n".encode("latin-1"), 2, "byte 0xe9"),
            ("mir-1\nmir-2\nmir-3".encode("utf-16-le"), 1, "byte 0x00"),
            (b"mir-1\nmir-2\nmir-1\n", 3, "duplicate miRNA name 'mir-1', already at row 1"),
            (b"mir-1\n\nmir-3\n", 2, "'' cannot be the name"),
        ],
        ids=["Latin-1", "UTF-16 without a mark", "twice", "blank"],
    )
    def test_others_are_refused_by_file_and_row(
        self, names: bytes, row: int, words: str, tmp_path: Path
    ) -> None:
        error = _refusal(self._folder(tmp_path / "mine", names))
        assert error.where.endswith(f"mirna_names.txt, row {row}")
        assert words in error.message

    def test_a_folder_under_the_name(self, tmp_path: Path) -> None:
        folder = self._folder(tmp_path / "mine", b"x")
        (folder / "mirna_names.txt").unlink()
        (folder / "mirna_names.txt").mkdir()
        assert "cannot be read: Is a directory" in _refusal(folder).message

    @pytest.mark.parametrize(
        "matrix",
        [
            b"",
            b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3",
            b"\x93NUMPY\x01\x00v\x00"
            + b"{'descr': '<f8', 'fortran_order': False, 'shape': ("
            + b"9" * 60
            + b",), }",
            b"\x93NUMPY\x01\x00\x10\x00" + b"((((((((((((((((\n",
            b"PK\x03\x04cut off",
        ],
        ids=["empty", "cut off", "too large", "no literal", "zip"],
    )
    def test_damaged_arrays_are_one_line(self, matrix: bytes, tmp_path: Path) -> None:
        error = _refusal(self._folder(tmp_path / "mine", b"mir-1\nmir-2\nmir-3\n", matrix))
        assert error.where.endswith("mirna_similarity.npy")
        assert "is no array that numpy reads" in error.message
        assert len(error.lines()) == 1

    def test_an_archive_under_the_name(self, tmp_path: Path) -> None:
        stream = io.BytesIO()
        np.savez(stream, np.eye(3))
        error = _refusal(self._folder(tmp_path / "mine", b"mir-1\n", stream.getvalue()))
        assert "is no array" in error.message


def test_ten_thousand_names_are_read_in_linear_time() -> None:
    """A look at all names for each of them takes minutes."""
    names = [f"mir-{i}" for i in range(10_000)]
    table = Table(
        Path("a.csv"),
        ",",
        [["mirna", "small_molecule"], *([n, "sm"] for n in names)],
        [*range(10_001)],
    )
    began = time.process_time()
    assert associations_of(table, Sides(DEFAULT_KINDS, (names, ["sm"]))).sum() == 10_000
    matrix = Table(Path("a.csv"), ",", [["", "sm"], *([n, "1"] for n in names)], [*range(10_001)])
    assert associations_of(matrix, Sides(DEFAULT_KINDS, (names, ["sm"]))).sum() == 10_000
    assert time.process_time() - began < 5
