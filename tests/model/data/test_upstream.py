"""The two published data sets load as they are; anything else is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.data.name_tables import read_name_table
from model.data.names import mature_name, twin_groups
from model.data.upstream import (
    PUBLISHED,
    blob_id,
    load_published,
    load_upstream_folder,
    missing_files,
    read_associations,
)
from model.errors import InputError

DATASET1, DATASET2 = PUBLISHED["dataset1"], PUBLISHED["dataset2"]


@pytest.fixture
def dataset2_copy(shared_data: Path, tmp_path: Path) -> Path:
    """A folder `dataset2` that a test may damage."""
    folder = tmp_path / "dataset2"
    shutil.copytree(shared_data / "dataset2", folder, copy_function=shutil.copyfile)
    folder.chmod(0o755)
    return folder


def test_blob_id_is_gits() -> None:
    assert blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_dataset2_loads_as_published(shared_data: Path) -> None:
    dataset = load_published(DATASET2, shared_data)
    assert (*dataset.associations.shape, len(dataset.association_pairs)) == DATASET2.size
    assert dataset.rows[0] == "hsa-mir-200c"
    assert dataset.columns[-1] == "CID:5381226"
    assert dataset.row_similarity[0, 1] == 0.3546
    assert dataset.column_similarity[0, 0] == 0.8137
    degrees = dict(zip(dataset.columns, dataset.associations.sum(axis=0).tolist(), strict=True))
    # The names that the paper's case studies confuse.
    assert (degrees["CID:3121"], degrees["CID:5073"]) == (5, 1)
    assert min(degrees["CID:3229"], degrees["CID:5311"]) > 17


def test_dataset1_is_dataset2_among_more_names(shared_data: Path) -> None:
    whole, part = (load_published(published, shared_data) for published in (DATASET1, DATASET2))
    assert (*whole.associations.shape, len(whole.association_pairs)) == DATASET1.size
    rows = [whole.column_index(name) for name in part.columns]
    inner = whole.column_similarity[np.ix_(rows, rows)]
    assert np.array_equal(inner, part.column_similarity)


def test_both_data_sets_name_the_same_associations(shared_data: Path) -> None:
    named = []
    for published in (DATASET1, DATASET2):
        known = read_associations(published, shared_data / published.name)
        assert (*known.values.shape, known.values.sum()) == published.size
        pairs = np.argwhere(known.values)
        named.append({(known.rows[i], known.columns[j]) for i, j in pairs})
    assert named[0] == named[1]
    assert len(named[0]) == 664


def test_dataset2s_twins(shared_data: Path) -> None:
    names = read_name_table(
        shared_data / "dataset2" / DATASET2.row_names.name,
        kind="miRNA",
        name_first=False,
        is_sound=True,
    )
    groups = twin_groups(names)
    assert len(groups) == 31
    assert sum(len(group) for group in groups) == 66


@pytest.mark.parametrize(
    ("name", "mature"),
    [
        ("hsa-mir-124-1", "hsa-mir-124"),
        ("hsa-let-7a-3", "hsa-let-7a"),
        ("hsa-miR-29b-2", "hsa-miR-29b"),
        ("hsa-mir-21", "hsa-mir-21"),
        ("hsa-mir-219-a", "hsa-mir-219-a"),
        ("hsa-mir-16-1-x", "hsa-mir-16-1-x"),
        ("CID-12-1", "CID-12-1"),
    ],
)
def test_mature_name_drops_the_copy_number_alone(name: str, mature: str) -> None:
    assert mature_name(name) == mature


def test_dataset1_without_its_similarity_names_file_and_mend(incomplete_data: Path) -> None:
    assert missing_files(DATASET1, incomplete_data / "dataset1") == ["SM_feature.txt"]
    with pytest.raises(InputError) as raised:
        load_published(DATASET1, incomplete_data)
    assert raised.value.where == str(incomplete_data / "dataset1" / "SM_feature.txt")
    assert f"mmatune data download dataset1 --data-dir {incomplete_data}" in raised.value.hint


def _edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(old, new, 1))

    return apply


def _cut(name: str, size: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


DAMAGE = {
    "association is 2": (_edit("miRNA_SM_adj.txt", b"1,0", b"2,0"), "row 1, column 1", "2.0"),
    "similarity is NaN": (_edit("SM_feature.txt", b"0.1478", b"nan"), "row 1, column 2", "'nan'"),
    "asymmetric": (
        _edit("SM_feature.txt", b"0.1478", b"0.9"),
        "row 1, column 2",
        "0.1478 at row 2",
    ),
    "cut inside a row": (_cut("miRNA_feature.txt", 300_000), "row 153, column 175", "286 cells"),
    "cut to fewer rows": (_edit("SM_feature.txt", b"\n0.1057", b"\n"), "row 3, column 1", "''"),
    "cut name table": (_cut("SM数字编号2.xls", 20_000), "SM数字编号2.xls", "checksum"),
    # One wrong digit on the diagonal breaks no rule; the checksum alone knows.
    "another value": (_edit("SM_feature.txt", b"0.8137", b"0.8136"), "SM_feature.txt", "checksum"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_file_is_refused_with_its_place(case: str, dataset2_copy: Path) -> None:
    damage, place, value = DAMAGE[case]
    damage(dataset2_copy)
    with pytest.raises(InputError) as raised:
        load_published(DATASET2, dataset2_copy.parent)
    assert place in raised.value.where
    assert value in raised.value.message


def test_a_folder_in_the_published_format_may_hold_other_values(dataset2_copy: Path) -> None:
    published = load_upstream_folder(DATASET2, dataset2_copy)
    _edit("SM_feature.txt", b"0.8137", b"0.8136")(dataset2_copy)
    own = load_upstream_folder(DATASET2, dataset2_copy)
    assert own.column_similarity[0, 0] == 0.8136
    assert own.content_hash != published.content_hash
