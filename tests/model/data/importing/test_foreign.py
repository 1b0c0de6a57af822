"""Public data sets as their authors deliver them: imported as they stand. Skipped where absent."""

from pathlib import Path

import numpy as np
import pytest

from model.data.catalogue import load
from model.data.importing.choices import Choices
from model.data.importing.understanding import Understood, understand
from model.data.importing.writing import dataset_of, write_understood
from model.data.profile_leak import leaks
from model.data.user_data import load_user_folder

TARGETS = Choices(kinds=("target", "drug"), symmetrise=True)


def _understood(name: str, shared_data: Path, choices: Choices | None = None) -> Understood:
    folder = shared_data / "foreign" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return understand([folder], choices or Choices())


@pytest.mark.parametrize(
    ("name", "data_hash"), [("yamanishi_nr", "0cb85a65"), ("yamanishi_gpcr", "0cb63325")]
)
def test_targets_and_drugs(name: str, data_hash: str, shared_data: Path, tmp_path: Path) -> None:
    """The hashes are those of the recorded benchmarks."""
    found = _understood(name, shared_data, TARGETS)
    assert dataset_of(found, name).content_hash.startswith(data_hash)
    written = write_understood(found, tmp_path / "new")
    again = load_user_folder(tmp_path / "new")
    assert again.content_hash == written.content_hash
    assert [kind.name for kind in again.kinds] == ["target", "drug"]
    turned = _understood(name, shared_data, Choices(("drug", "target"), symmetrise=True))
    assert turned.names == found.names  # nothing shows which of the two is in the rows
    turned = _understood(
        name, shared_data, Choices(("drug", "target"), symmetrise=True, transpose=True)
    )
    np.testing.assert_array_equal(turned.associations, found.associations.T)


def test_microbes_and_diseases_without_names(shared_data: Path) -> None:
    found = _understood("hmdad", shared_data)
    assert found.kinds == ("disease", "microbe")
    assert (found.names[0][0], found.names[1][291]) == ("disease 1", "microbe 292")
    assert found.associations.sum() == 450
    assert len(leaks(dataset_of(found, "hmdad"))) == 2


@pytest.mark.heavy
def test_mirnas_and_diseases_with_names_in_excel(shared_data: Path) -> None:
    found = _understood("hmdd2", shared_data)
    assert found.kinds == ("miRNA", "disease")
    assert (found.names[0][0], found.names[1][144]) == ("hsa-mir-125a", "Glioblastoma")
    assert found.names[1][145] == "Glioblastoma (2)"
    assert (found.associations.shape, found.associations.sum()) == ((495, 383), 5430)
    assert "the same associations are in miRNA-disease association data.xlsx" in found.notes
    assert any("(40 pairs of cells, largest difference 0.0001)" in line for line in found.changes)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["dataset1", "dataset2"])
def test_the_published_sets_are_understood_without_a_word(name: str, shared_data: Path) -> None:
    """In .xls and .xlsx, name first and number first, tabs and commas."""
    found = understand([shared_data / name], Choices())
    assert dataset_of(found, name).content_hash == load(name, shared_data).content_hash
    assert found.changes == ()
