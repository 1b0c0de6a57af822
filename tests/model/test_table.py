"""A table finds the project's own kinds and those that other packages name as entry points."""

import sys
from pathlib import Path
from typing import Annotated

import pytest

from model.config import Config
from model.errors import InputError
from model.table import Table, a_kind_of


@pytest.fixture
def table() -> Table[int]:
    return Table("colour", "mmatune.colours", {"red": 1, "green": 2})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of somebody else's, importable and with entry points; returns their file."""
    (tmp_path / "somebody_elses.py").write_text("BLUE = 3\n")
    info = tmp_path / "somebody_elses-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody-elses\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "somebody_elses", raising=False)
    return info / "entry_points.txt"


def test_own_entries_in_their_order(table: Table[int]) -> None:
    assert list(table) == ["red", "green"]
    assert (len(table), table["green"], table.get("blue"), "blue" in table) == (2, 2, None, False)


def test_an_unknown_kind_is_refused_with_the_nearest_or_all(table: Table[int]) -> None:
    with pytest.raises(InputError, match="unknown colour 'gren'") as raised:
        table["gren"]
    assert raised.value.hint == "did you mean green?"
    with pytest.raises(InputError) as raised:
        table["xyz"]
    assert raised.value.hint == "one of red, green"


def test_another_package_adds_one(table: Table[int], package: Path) -> None:
    package.write_text("[mmatune.colours]\nblue = somebody_elses:BLUE\n")
    assert table["blue"] == 3
    assert list(table) == ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("red = somebody_elses:BLUE", "two colours called 'red'"),
        ("blue = somebody_elses:NONE", "cannot be imported"),
        ("blue = not_there:BLUE", "cannot be imported"),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(
    line: str, message: str, table: Table[int], package: Path
) -> None:
    package.write_text(f"[mmatune.colours]\n{line}\n")
    with pytest.raises(InputError, match=message) as raised:
        len(table)
    assert "mmatune.colours" in raised.value.where
    assert table["green"] == 2  # the project's own do not depend on it


def test_a_configuration_names_kinds(table: Table[int]) -> None:
    class Paint(Config):
        colour: Annotated[str, a_kind_of(table)] = "red"

    assert Paint(colour="green").colour == "green"
    with pytest.raises(InputError, match="colour should be one of red, green, got 'x'") as raised:
        Paint.from_dotted({"colour": "x"})
    assert raised.value.where == "colour"
