"""A similarity is written whole or not at all, and over nothing."""

from pathlib import Path

import numpy as np
import pytest

from model.data.kinds import kind_of
from model.data.similarity import writing
from model.data.similarity.interface import Similarity
from model.data.similarity_file import read_similarity
from model.errors import InputError

MADE = Similarity(("a", 'b, "c"', "#d"), np.array([[1, 1 / 3, 0], [1 / 3, 1, 0.1], [0, 0.1, 1]]))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["s.csv", "s.tsv"])
def test_text_reads_back_to_the_same_bits(tmp_path: Path, name: str) -> None:
    path = writing.write(MADE, tmp_path / name, None)
    names, values = read_similarity(path, kind_of("thing"))
    assert (tuple(names), files(tmp_path)) == (MADE.names, [name])
    np.testing.assert_array_equal(values, MADE.values)


def test_a_folder_has_its_file_by_kind_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writing.write(MADE, tmp_path, "Small molecule").name == "small_molecule_similarity.csv"
    monkeypatch.setattr(writing, "LARGEST_TEXT", 2)
    path = writing.write(MADE, tmp_path, "gene")
    assert files(tmp_path) == [
        "gene_names.txt",
        "gene_similarity.npy",
        "small_molecule_similarity.csv",
    ]
    names, values = read_similarity(path, kind_of("gene"))
    assert tuple(names) == MADE.names
    np.testing.assert_allclose(values, MADE.values, rtol=1e-6)


def test_names_that_are_there_stay_if_they_are_these(tmp_path: Path) -> None:
    names = tmp_path / "gene_names.txt"
    names.write_text("\n".join(MADE.names) + "\n")
    writing.write(MADE, tmp_path / "gene_similarity.npy", None)
    (tmp_path / "gene_similarity.npy").unlink()
    names.write_text("a\nd\n")
    with pytest.raises(InputError, match="other names"):
        writing.write(MADE, tmp_path / "gene_similarity.npy", None)
    assert files(tmp_path) == ["gene_names.txt"]


@pytest.mark.parametrize(
    ("to", "kind", "shown"),
    [
        (".", None, "--kind is missing"),
        (".", "gene", "gene_similarity.tsv: exists"),
        ("old.csv", None, "old.csv: exists"),
        ("new.csv", "gene", "is no folder"),
        ("new.xlsx", None, "it is no name of a file"),
        ("new", None, "there is no such folder"),
        ("new/new.csv", None, "there is no such folder"),
        ("new.npy", None, "call it KIND_similarity.npy"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before(
    tmp_path: Path, to: str, kind: str | None, shown: str
) -> None:
    (tmp_path / "old.csv").touch()
    (tmp_path / "gene_similarity.tsv").touch()
    for refuse in (writing.check_target, lambda *where: writing.write(MADE, *where)):
        with pytest.raises(InputError) as caught:
            refuse(tmp_path / to, kind)
        assert shown in str(caught.value)
    assert files(tmp_path) == ["gene_similarity.tsv", "old.csv"]


def test_a_disk_that_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_similarity", full)
    with pytest.raises(InputError, match="No space left on device"):
        writing.write(MADE, tmp_path, "gene")
    assert files(tmp_path) == []
