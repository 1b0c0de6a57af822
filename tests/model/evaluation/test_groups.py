"""A user's own groups: what a file says, and what is wrong with it."""

from pathlib import Path

import pytest

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.folds import development_folds
from model.evaluation.groups import chosen_protocol


def write(folder: Path, text: str, name: str = "groups.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_members_of_a_group_are_never_parted(tiny: AssociationDataset, tmp_path: Path) -> None:
    rows = "".join(f"{name},{'ab'[k % 2]}\n" for k, name in enumerate(tiny.rows[:8]))
    protocol = chosen_protocol("cold-rows", write(tmp_path, "name,group\n" + rows), tiny)
    group = {k: k % 2 for k in range(8)}
    for fold in development_folds(tiny, protocol, 0):
        held_out = {group.get(k, k + 10) for k in fold.held_out[0].tolist()}
        assert held_out.isdisjoint({group.get(k, k + 10) for k in fold.train_pairs[:, 0].tolist()})


def test_another_grouping_is_another_protocol(tiny: AssociationDataset, tmp_path: Path) -> None:
    text = f"name,group\n{tiny.rows[0]},a\n{tiny.rows[5]},a\n"
    plain = chosen_protocol("honest", None, tiny)
    grouped = chosen_protocol("honest", write(tmp_path, text), tiny)
    again = chosen_protocol("honest", write(tmp_path, text.replace(",", "\t"), "g.tsv"), tiny)
    other = chosen_protocol("honest", write(tmp_path, text.replace(",a", ",b")), tiny)
    assert plain.name == "honest"
    assert grouped.name.startswith("honest+groups-")
    assert again == grouped
    assert len({plain.name, grouped.name, other.name}) == 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["empty"]),
        ("mirna,family\na,b\n", ["row 1", "name,group"]),
        ("name,group\nt-mir-3,a\nnobody,a\n", ["row 3, column 1", "nobody"]),
        ("name,group\nt-mir-3,a\nt-mir-3,b\n", ["row 3, column 1", "twice"]),
        ("name,group\nt-mir-3,\n", ["row 2, column 2", "group"]),
        ("name,group\nt-mir-3,a,b\n", ["row 2", "ragged"]),
    ],
)
def test_a_wrong_file_is_refused(
    text: str, parts: list[str], tiny: AssociationDataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        chosen_protocol("honest", write(tmp_path, text), tiny)
    assert "groups.csv" in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_protocol_that_groups_nothing_takes_none(
    tiny: AssociationDataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="groups nothing"):
        chosen_protocol("random", write(tmp_path, "name,group\n"), tiny)
