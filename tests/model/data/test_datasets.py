"""A data set cannot hold what does not fit together, and cannot be changed."""

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.data.datasets import AssociationDataset
from model.errors import InputError

GOOD: dict[str, Any] = {
    "name": "small",
    "rows": ("mir-1", "mir-2"),
    "columns": ("sm-1", "sm-2", "sm-3"),
    "associations": [[0, 1, 0], [1, 0, 0]],
    "row_similarity": [[1, 0.5], [0.5, 1]],
    "column_similarity": np.eye(3),
}


def test_bad_fields_are_refused_by_name_and_value() -> None:
    bad: list[tuple[str, Any, list[str]]] = [
        ("rows", (), ["no miRNA"]),
        ("rows", ("mir-1", "mir-1"), ["duplicate", "'mir-1'"]),
        ("columns", ("sm-1", " ", "sm-3"), ["small molecule 2"]),
        ("associations", [[0, 1], [1, 0]], ["(2, 2)", "(2, 3)"]),
        ("associations", [[0, 1, 0], [1, 0, 2]], ["'mir-2'", "'sm-3'", "2"]),
        ("associations", np.zeros((2, 3)), ["no association"]),
        ("row_similarity", np.eye(3), ["mirna_similarity", "(3, 3)", "(2, 2)"]),
        ("row_similarity", [[1, np.nan], [np.nan, 1]], ["'mir-1'", "'mir-2'", "nan"]),
        ("row_similarity", [[1, 0.5], [0.25, 1]], ["not symmetric", "'mir-1'", "0.5", "0.25"]),
        ("column_similarity", np.full((3, 3), np.inf), ["'sm-1'", "inf"]),
    ]
    for field, value, shown in bad:
        with pytest.raises(InputError) as raised:
            AssociationDataset(**(GOOD | {field: value}))
        assert raised.value.where == "small"
        for text in shown:
            assert text in raised.value.message, (field, value)


def test_the_hash_follows_content_and_nothing_else() -> None:
    dataset = AssociationDataset(**GOOD)
    assert AssociationDataset(**(GOOD | {"name": "other"})).content_hash == dataset.content_hash
    changes: list[dict[str, Any]] = [
        {"rows": ("mir-2", "mir-1")},
        {"rows": ("mir-1", "mir-3")},
        {"associations": [[0, 1, 0], [1, 0, 1]]},
        {"row_similarity": [[1, 0.5001], [0.5001, 1]]},
        {"column_similarity": np.eye(3) * 0.9},
    ]
    hashes = {AssociationDataset(**(GOOD | change)).content_hash for change in changes}
    assert len(hashes | {dataset.content_hash}) == len(changes) + 1


def test_arrays_are_copies_that_cannot_be_changed() -> None:
    given = np.eye(3)
    dataset = AssociationDataset(**(GOOD | {"column_similarity": given}))
    given[0, 0] = 7
    assert dataset.column_similarity[0, 0] == 1
    again = pickle.loads(pickle.dumps(dataset))
    assert again.content_hash == dataset.content_hash
    for which in (dataset, again):
        with pytest.raises(ValueError, match="read-only"):
            which.column_similarity[0, 0] = 7
        with pytest.raises(ValueError, match="read-only"):
            which.associations[0, 0] = 1


def test_names_lead_to_rows() -> None:
    dataset = AssociationDataset(**GOOD)
    assert dataset.association_pairs.tolist() == [[0, 1], [1, 0]]
    assert dataset.row_index("mir-2") == 1
    assert dataset.column_index("sm-3") == 2
    with pytest.raises(InputError, match="'sm_3'") as raised:
        dataset.column_index("sm_3")
    assert "sm-3" in raised.value.hint


@pytest.mark.parametrize(("row", "column"), [(0, 11), (11, 0), (7, 8)])
def test_every_block_of_a_similarity_is_checked(
    row: int, column: int, tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.data.datasets._ROWS_AT_ONCE", 5)
    for value, message in ((np.nan, "nan"), (9.0, "not symmetric")):
        matrix = np.array(tiny.row_similarity)
        matrix[row, column] = value
        with pytest.raises(InputError, match=message) as caught:
            dataclasses.replace(tiny, row_similarity=matrix)
        for name in (tiny.rows[row], tiny.rows[column]):
            assert repr(name) in str(caught.value)


class TestMapped:
    """A float32 similarity that lies on disk."""

    @pytest.fixture
    def mapped(self, tmp_path: Path) -> AssociationDataset:
        np.save(tmp_path / "a.npy", np.array([[1, 0.1], [0.1, 1]], dtype=np.float32))
        similarity = np.load(tmp_path / "a.npy", mmap_mode="r")
        return AssociationDataset(**(GOOD | {"row_similarity": similarity}))

    def test_it_stays_there(self, mapped: AssociationDataset) -> None:
        """Also in a data set made from another, as a confirmation makes one."""
        for dataset in (mapped, dataclasses.replace(mapped, associations=[[0, 1, 0], [0, 0, 0]])):
            assert isinstance(dataset.row_similarity.base, np.memmap)

    def test_other_processes_find_the_same_hash(self, mapped: AssociationDataset) -> None:
        again = pickle.loads(pickle.dumps(mapped))
        assert again.row_similarity.dtype == np.float32
        assert "content_hash" not in vars(again)
        assert again.content_hash == mapped.content_hash
        assert dataclasses.replace(again).content_hash == mapped.content_hash

    def test_it_is_sent_without_a_copy(self, mapped: AssociationDataset) -> None:
        """Ray puts the buffers of pickle protocol 5 into shared memory, where workers read them."""
        buffers: list[pickle.PickleBuffer] = []
        content = pickle.dumps(mapped, protocol=5, buffer_callback=buffers.append)
        assert any(np.shares_memory(buffer, mapped.row_similarity) for buffer in buffers)
        again = pickle.loads(content, buffers=buffers)
        assert np.shares_memory(again.row_similarity, mapped.row_similarity)
        assert not again.row_similarity.flags.writeable

    def test_what_can_still_be_changed_is_copied(self) -> None:
        given = np.eye(3)
        view = given[:]
        view.setflags(write=False)
        dataset = AssociationDataset(**(GOOD | {"column_similarity": view}))
        given[0, 0] = 7
        assert dataset.column_similarity[0, 0] == 1


def test_asymmetry_is_counted_and_the_largest_shown(tiny: AssociationDataset) -> None:
    matrix = np.array(tiny.row_similarity)
    matrix[8, 2] += 0.01
    matrix[1, 9] += 0.5
    matrix[3, 4] += 0.02
    with pytest.raises(InputError, match="3 pairs differ, these by most") as caught:
        dataclasses.replace(tiny, row_similarity=matrix)
    assert f"{tiny.rows[1]!r} to {tiny.rows[9]!r}" in caught.value.message
