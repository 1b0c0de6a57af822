"""Every file that cannot be used is refused with its file, the place in it and the value."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data.file_checks import check_associations, check_shape, symmetric
from model.data.name_tables import read_name_table
from model.data.readers import labelled_matrix, read_matrix, read_table
from model.errors import InputError

# What is in the file, where the error must point to, what it must show.
BAD_MATRICES = {
    "empty file": (b"", "", "empty"),
    "blank lines only": (b"\n\n", "", "no rows"),
    "too few cells": (b"1,2\n3\n", "row 2, column 2", "1 cell here, but 2 cells in row 1"),
    "too many cells": (b"1,2\n3,4,5\n", "row 2, column 3", "3 cells"),
    "another delimiter": (b"1\t2\n3\t4\n", "row 1, column 1", "'1\\t2'"),
    "NaN": (b"1,2\n3,NaN\n", "row 2, column 2", "'NaN'"),
    "infinity": (b"1,2\n-inf,4\n", "row 2, column 1", "'-inf'"),
    "overflow to infinity": (b"1,2\n3,1e999\n", "row 2, column 2", "'1e999'"),
    "nothing in a cell": (b"1,\n3,4\n", "row 1, column 2", "''"),
    "a word": (b"1,2\n3,four\n", "row 2, column 2", "'four'"),
    "digits grouped as Python does": (b"1,2_000\n", "row 1, column 2", "'2_000'"),
    "two numbers in a cell": (b"1,2\n3 4,5\n", "row 2, column 1", "'3 4'"),
    "zero byte": (b"1,2\n3,\0\n", "row 2", "0x00"),
    "not UTF-8": (b"1,2\n3,4\n\xff\xfe,5\n", "row 3", "0xff"),
    "open quotation mark": (b'1,2\n"3,4\n', "row 2", "commas"),
}


@pytest.mark.parametrize("case", BAD_MATRICES)
def test_bad_matrix_is_refused_with_its_place_and_value(case: str, tmp_path: Path) -> None:
    content, place, value = BAD_MATRICES[case]
    path = tmp_path / "matrix.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_matrix(path, ",")
    assert raised.value.where == (f"{path}, {place}" if place else str(path))
    assert value in raised.value.message


@pytest.mark.parametrize("content", [b"", b"0.5\t0.25", b"PK\x03\x04 cut off"])
def test_bad_excel_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "names.xls"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"empty|not a readable Excel file") as raised:
        read_name_table(path, kind="miRNA", name_first=True, is_sound=True)
    assert raised.value.where == str(path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as raised:
        read_matrix(tmp_path / "none.txt", ",")
    assert raised.value.where == str(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_matrix(tmp_path, ",")


def test_a_matrix_reads_as_written(tmp_path: Path) -> None:
    path = tmp_path / "matrix.txt"
    path.write_bytes(b"\xef\xbb\xbf0.5, -1\r\n1e-3,+2.5\r\n\r\n")
    np.testing.assert_array_equal(read_matrix(path, ",").values, [[0.5, -1], [0.001, 2.5]])


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(
                st.floats(allow_nan=False, allow_infinity=False), min_size=width, max_size=width
            ),
            min_size=1,
            max_size=4,
        )
    )
)
def test_any_finite_matrix_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]]
) -> None:
    path = tmp_path_factory.mktemp("matrix") / "matrix.txt"
    path.write_text("\n".join("\t".join(map(repr, row)) for row in rows))
    np.testing.assert_array_equal(read_matrix(path, "\t").values, rows)


# Header and first column hold names; places count them.
BAD_LABELS = {
    "duplicate row name": (",a,b\na,1,2\na,3,4\n", "row 3, column 1", "'a', already at row 2"),
    "duplicate column name": (",a,a\na,1,2\nb,3,4\n", "row 1, column 3", "'a', already at row 1"),
    "row without a name": (",a,b\na,1,2\n ,3,4\n", "row 3, column 1", "''"),
    "column without a name": (",a,\na,1,2\nb,3,4\n", "row 1, column 3", "''"),
    "line break in a name": (',a,"b\nc"\na,1,2\nb,3,4\n', "row 2, column 3", "'b\\nc'"),
    "names alone": (",a,b\n", "row 1", "1 x 3"),
    "a word among the numbers": (",a,b\na,1,2\nb,3,x\n", "row 3, column 3", "'x'"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labelled_matrix_is_refused_with_its_place_and_value(case: str, tmp_path: Path) -> None:
    content, place, value = BAD_LABELS[case]
    path = tmp_path / "matrix.csv"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        labelled_matrix(read_table(path, ","), row_kind="miRNA", column_kind="miRNA")
    assert raised.value.where == f"{path}, {place}"
    assert value in raised.value.message


def test_names_may_hold_the_delimiter_and_quotation_marks(tmp_path: Path) -> None:
    path = tmp_path / "matrix.csv"
    path.write_text(',"2,4-D",3"-deoxy\nx,1,2\n')
    row_names, column_names, matrix = labelled_matrix(
        read_table(path, ","), row_kind="miRNA", column_kind="small molecule"
    )
    assert (row_names, column_names) == (["x"], ["2,4-D", '3"-deoxy'])
    assert matrix.where(0, 1) == f"{path}, row 2, column 3"


BAD_SIMILARITIES = {
    "asymmetric": ("1,0.5,0.1\n0.5,1,0.2\n0.1,0.3,1\n", "row 2, column 3", ["0.2", "0.3 at row 3"]),
    "too few rows": ("1,0.5,0.1\n0.5,1,0.2\n", "row 3", ["2 x 3"]),
    "too many rows": ("1,0.5\n0.5,1\n0,0\n", "row 3", ["3 x 2"]),
}


@pytest.mark.parametrize("case", BAD_SIMILARITIES)
def test_bad_similarity_is_refused_with_its_place_and_value(case: str, tmp_path: Path) -> None:
    content, place, values = BAD_SIMILARITIES[case]
    path = tmp_path / "similarity.txt"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        symmetric(read_matrix(path, ","))
    assert raised.value.where == f"{path}, {place}"
    for value in values:
        assert value in raised.value.message


def test_noise_below_the_tolerance_is_symmetric(tmp_path: Path) -> None:
    path = tmp_path / "similarity.txt"
    path.write_text("1,0.5\n0.5000001,1\n")
    symmetric(read_matrix(path, ","))


@pytest.mark.parametrize("value", ["2", "0.5", "-1"])
def test_an_association_is_0_or_1(value: str, tmp_path: Path) -> None:
    path = tmp_path / "associations.txt"
    path.write_text(f"0,1\n1,{value}\n")
    with pytest.raises(InputError, match=f"{float(value)!r} is neither 0 nor 1") as raised:
        check_associations(read_matrix(path, ","))
    assert raised.value.where == f"{path}, row 2, column 2"


def test_an_empty_association_set_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "associations.txt"
    path.write_text("0,0\n0,0\n")
    with pytest.raises(InputError, match="no association") as raised:
        check_associations(read_matrix(path, ","))
    assert raised.value.where == str(path)


@pytest.mark.parametrize(
    ("expected", "place"),
    [((3, 2), "row 3"), ((1, 2), "row 2"), ((2, 3), "column 3"), ((2, 1), "column 2")],
)
def test_a_shape_must_be_that_of_the_names(
    expected: tuple[int, int], place: str, tmp_path: Path
) -> None:
    path = tmp_path / "matrix.txt"
    path.write_text("1,2\n3,4\n")
    matrix = read_matrix(path, ",")
    with pytest.raises(InputError, match="2 x 2 values") as raised:
        check_shape(matrix, expected, "names.xls")
    assert raised.value.where == f"{path}, {place}"
    assert "names.xls" in raised.value.hint
    check_shape(matrix, (2, 2), "names.xls")
