"""Name tables of two columns: read in the order of their numbers, refused by row and column."""

import zipfile
from pathlib import Path

import pytest

from model.data.name_tables import read_name_table
from model.errors import InputError
from tests.model.data.spreadsheet import write_sheets


def _sheet(rows: list[list[object]], path: Path) -> Path:
    return write_sheets(path, {"a": rows})


def test_names_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    table = _sheet([["b", 2], ["a", 1], ["c", 3]], tmp_path / "names.xlsx")
    assert read_name_table(table, kind="miRNA", name_first=True, is_sound=True) == ["a", "b", "c"]


BAD_NAME_TABLES = {
    "duplicate name": ([["a", 1], ["b", 2], ["a", 3]], "row 3, column 1", "'a', already at row 1"),
    "duplicate number": ([["a", 1], ["b", 1]], "row 2, column 2", "number 1 is also in row 1"),
    "number too high": ([["a", 1], ["b", 3]], "row 2, column 2", "3"),
    "number from 0": ([["a", 0], ["b", 1]], "row 1, column 2", "0"),
    "no whole number": ([["a", 1], ["b", 1.5]], "row 2, column 2", "1.5"),
    "columns the other way round": ([[1, "a"], [2, "b"]], "row 1, column 2", "'a'"),
    "no name": ([["a", 1], ["", 2]], "row 2, column 1", "''"),
    "no number": ([["a"], ["b"]], "row 1, column 2", "''"),
    "third column": ([["a", 1, "x"], ["b", 2, ""]], "row 1, column 3", "'x'"),
}


@pytest.mark.parametrize("case", BAD_NAME_TABLES)
def test_bad_name_table_is_refused_with_its_place_and_value(case: str, tmp_path: Path) -> None:
    rows, place, value = BAD_NAME_TABLES[case]
    path = _sheet(rows, tmp_path / "names.xlsx")
    with pytest.raises(InputError) as raised:
        read_name_table(path, kind="miRNA", name_first=True, is_sound=True)
    assert raised.value.where == f"{path}, {place}"
    assert value in raised.value.message


def test_a_reader_that_panics_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """calamine's panics derive from BaseException, as Ctrl-C does; that one must pass."""
    path = _sheet([["a", 1]], tmp_path / "names.xlsx")
    panic = type("PanicException", (BaseException,), {})
    for raised, expected in ((panic, InputError), (KeyboardInterrupt, KeyboardInterrupt)):

        class Workbook:
            failure = raised

            @classmethod
            def from_filelike(cls, _: object) -> None:
                raise cls.failure("range end index out of range")

        monkeypatch.setattr("python_calamine.CalamineWorkbook", Workbook)
        with pytest.raises(expected):
            read_name_table(path, kind="miRNA", name_first=True, is_sound=True)


class TestDangerous:
    """Files that the reader cannot survive are read in a process of its own, with a limit."""

    def _stray(self, path: Path, cell: str) -> Path:
        _sheet([["a", 1], ["b", 2]], path)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name).decode() for name in archive.namelist()}
        sheet = "xl/worksheets/sheet1.xml"
        row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        far = f'<row r="{row}"><c r="{cell}"><v>1</v></c></row></sheetData>'
        parts[sheet] = parts[sheet].replace("</sheetData>", far)
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in parts.items():
                archive.writestr(name, text)
        return path

    @pytest.mark.heavy
    @pytest.mark.parametrize("cell", ["XFD1048576", "ZZ100000"])
    def test_a_stray_cell_is_one_line(self, cell: str, tmp_path: Path) -> None:
        """It asks for 549 GB, or for 3 GB and most of a minute."""
        path = self._stray(tmp_path / "names.xlsx", cell)
        with pytest.raises(InputError, match="within 1 GiB of memory") as raised:
            read_name_table(path, kind="miRNA", name_first=True)
        assert raised.value.where == str(path)
        assert "far from the table" in raised.value.hint

    @pytest.mark.heavy
    def test_a_damaged_xls_is_one_line(self, shared_data: Path, tmp_path: Path) -> None:
        """Its chain of sectors has no end: 17 GB until the system kills the reader."""
        content = bytearray(next((shared_data / "dataset2").glob("SM*.xls")).read_bytes())
        content[512:1024] = bytes(512)
        path = tmp_path / "names.xls"
        path.write_bytes(content)
        with pytest.raises(InputError, match="within 1 GiB of memory") as raised:
            read_name_table(path, kind="miRNA", name_first=False)
        assert raised.value.where == str(path)

    @pytest.mark.heavy
    def test_a_sound_table_reads_as_in_this_process(self, shared_data: Path) -> None:
        for path in sorted((shared_data / "dataset2").glob("*.xls")):
            here, elsewhere = (
                read_name_table(path, kind="miRNA", name_first=False, is_sound=is_sound)
                for is_sound in (True, False)
            )
            assert here == elsewhere

    def test_rows_of_empty_cells_at_the_end_are_passed_over(self, tmp_path: Path) -> None:
        path = _sheet([["a", 1], ["b", 2], ["", ""], ["", ""]], tmp_path / "names.xlsx")
        names = read_name_table(path, kind="miRNA", name_first=True, is_sound=True)
        assert names == ["a", "b"]
