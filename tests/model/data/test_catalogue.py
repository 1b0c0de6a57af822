"""One entry point leads to the generated, the published and the user's own data."""

import warnings
from pathlib import Path

import pytest

from model.data.catalogue import load, published_dataset
from model.data.synthetic import demo
from model.data.user_data import write_user_folder
from model.errors import DataWarning, InputError


def test_demo_needs_no_files(tmp_path: Path) -> None:
    assert load("demo", tmp_path / "none").content_hash == demo().content_hash


def test_a_path_wins_over_the_catalogue_only_when_it_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user_folder(demo(9), tmp_path / "demo")
    monkeypatch.chdir(tmp_path)
    with pytest.warns(DataWarning, match=r"not the folder demo - write \./demo"):
        assert load("demo", tmp_path).content_hash == demo().content_hash
    for path in ("./demo", Path("demo"), tmp_path / "demo"):
        assert load(path, tmp_path).content_hash == demo(9).content_hash


@pytest.mark.parametrize("name", ["dataset1", "dataset2"])
def test_published_data_load_by_name_and_by_path(name: str, shared_data: Path) -> None:
    by_name = load(name, shared_data)
    by_path = load(shared_data / name, shared_data / "none")
    assert by_name.name == by_path.name == name
    assert by_name.content_hash == by_path.content_hash


def test_an_incomplete_published_folder_names_file_and_mend(incomplete_data: Path) -> None:
    for given in ("dataset1", incomplete_data / "dataset1"):
        with pytest.raises(InputError, match=r"SM_feature.txt") as raised:
            load(given, incomplete_data)
        assert "mmatune data download dataset1" in raised.value.hint


def test_an_unknown_name_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'datset2'") as raised:
        load("datset2", tmp_path)
    assert "dataset2" in raised.value.hint
    with pytest.raises(InputError, match="nothing to download"):
        published_dataset("demo")
    with pytest.raises(InputError, match="'dataset9'"):
        published_dataset("dataset9")


def test_a_published_set_in_its_own_place_is_no_surprise(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shared_data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load("dataset2", shared_data)
    (tmp_path / "dataset2").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.warns(DataWarning, match=r"write \./dataset2 for the folder"):
        load("dataset2", shared_data)
