"""What names say: twins in every spelling, and what a misspelt name may have meant."""

from pathlib import Path

import pytest

from model.data.catalogue import load
from model.data.kinds import DEFAULT_KINDS
from model.data.names import close_names, mature_name, mend_of_name, precursor_labels, twin_groups


@pytest.mark.parametrize(
    "twins",
    [
        ("hsa-mir-16-1", "hsa-mir-16-2"),
        ("mir-16-1", "mir-16-2"),
        ("hsa-miR-124-2", "hsa-mir-124-1", "HSA-MIR-124-3"),
        ("hsa_mir_16_1", "hsa_mir_16_2"),
        ("miR16-1", "mir-16-2"),
        ("hsa-let-7a-1", "hsa_let_7a_3", "hsa-let-7a"),
        ("hsa mir 9 1", "hsa-mir-9-2"),
    ],
)
def test_twins_are_grouped_in_every_spelling(twins: tuple[str, ...]) -> None:
    names = ("hsa-mir-17", *twins, "hsa-mir-170-1")
    assert twin_groups(names) == [tuple(range(1, len(twins) + 1))]


@pytest.mark.parametrize(
    "names",
    [
        ("hsa-mir-16-1", "mmu-mir-16-2"),
        ("hsa-mir-16-1", "hsa-mir-16b-1"),
        ("hsa-mir-1", "hsa-mir-2"),
        ("hsa-miR-16-1-3p", "hsa-miR-16-2-3p"),
        ("TP53-1", "TP53-2"),
        ("Vitamin_A", "vitamin-a"),
        ("admir-1-1", "admir-1-2"),
    ],
)
def test_what_is_no_twin_stays_apart(names: tuple[str, str]) -> None:
    assert twin_groups(names) == []


@pytest.mark.parametrize("name", ["demo", "dataset1", "dataset2"])
def test_the_published_labels_are_what_they_were(name: str, shared_data: Path) -> None:
    """Splits follow from the order of the labels, so folds and recorded scores would change."""
    names = load(name, shared_data).rows
    assert precursor_labels(names) == [mature_name(name) for name in names]


def test_a_label_is_the_mature_name_of_the_first() -> None:
    names = ["hsa-miR-124-2", "b", "hsa_mir_124_1", "hsa-mir-124"]
    assert precursor_labels(names) == ["hsa-miR-124", "b", "hsa-miR-124", "hsa-miR-124"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hsa_mir_21", "hsa-mir-21"),
        ("HSA-MIR-21", "hsa-mir-21"),
        ("hsa-mri-21", "hsa-mir-21"),
        ("asprin", "Aspirin"),
        ("Doxorubicine", "Doxorubicin"),
        ("D0004O", "D00040"),
    ],
)
def test_typing_errors_are_understood(typed: str, meant: str) -> None:
    names = ["hsa-mir-21", "hsa-let-7a", "Aspirin", "Doxorubicin", "D00040"]
    assert close_names(typed, names)[0] == meant


def test_a_name_of_its_own_gets_no_guess() -> None:
    assert close_names("water", ["hsa-mir-21", "Aspirin"]) == []
    mend = mend_of_name("water", DEFAULT_KINDS, (["a", "b", "c", "d"], []), 0)
    assert mend == "the miRNAs are a, b, c, ..."


def test_the_other_side_is_named() -> None:
    assert mend_of_name("x", DEFAULT_KINDS, (["x"], ["y"]), 1) == "it is the name of a miRNA"
