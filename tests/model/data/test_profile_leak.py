"""Similarities computed from the associations are found and named; real ones are let be."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.data.catalogue import load
from model.data.datasets import AssociationDataset
from model.data.profile_leak import leaks
from model.data.synthetic import demo
from tests.model.data.foreign import foreign


def _gip(profiles: np.ndarray, width: float = 1.0) -> np.ndarray:
    distance = ((profiles[:, None] - profiles[None]) ** 2).sum(axis=2)
    return np.exp(-width * distance / profiles.sum(axis=1).mean())


def _jaccard(profiles: np.ndarray) -> np.ndarray:
    shared = profiles @ profiles.T
    totals = profiles.sum(axis=1)
    return shared / (totals[:, None] + totals - shared)


def _cosine(profiles: np.ndarray) -> np.ndarray:
    unit = profiles / np.linalg.norm(profiles, axis=1, keepdims=True)
    return unit @ unit.T


def _with(row_similarity: np.ndarray) -> AssociationDataset:
    similarity = (row_similarity + row_similarity.T) / 2
    return dataclasses.replace(demo(), row_similarity=similarity)


PROFILES = demo().associations.astype(float)
DRAWN = np.random.default_rng(0).random((286, 286))
SYMMETRIC_HALF = np.tril(DRAWN < 0.5) | np.tril(DRAWN < 0.5).T
KERNELS = {
    "Gaussian interaction profile kernel": _gip(PROFILES),
    "Jaccard index": _jaccard(PROFILES),
    "cosine": _cosine(PROFILES),
    "Pearson correlation": np.corrcoef(PROFILES),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_profile_kernel_is_found_and_named(name: str) -> None:
    [finding] = leaks(_with(KERNELS[name]))
    assert finding.is_leak
    assert finding.is_fault
    assert f"is the {name} of the associations (correlation 1.00)" in finding.message
    assert "held-out associations are in it" in finding.message
    assert finding.where == "demo, mirna_similarity"


@pytest.mark.parametrize(
    ("disguised", "words"),
    [
        (_gip(PROFILES, 0.2), "is the Gaussian"),
        (np.round(_gip(PROFILES, 3.0), 2), "is the Gaussian"),
        (1 - _gip(PROFILES), "is the Gaussian"),
        (_gip(PROFILES) + 0.05 * DRAWN, "is the Gaussian"),
        (np.where(SYMMETRIC_HALF, _gip(PROFILES), demo().row_similarity), "holds the Gaussian"),
        (np.sin(9 * PROFILES @ PROFILES.T), "follows from the numbers of associations"),
    ],
    ids=["wider", "narrower, rounded", "as a distance", "noisy", "where no other", "of counts"],
)
def test_a_disguised_kernel_is_found(disguised: np.ndarray, words: str) -> None:
    [finding] = leaks(_with(disguised))
    assert finding.is_leak
    assert words in finding.message


def test_a_blend_is_a_warning_or_a_fault() -> None:
    [finding] = leaks(_with(_gip(PROFILES) + demo().row_similarity))
    assert "Gaussian" in finding.message


def test_the_other_side_is_looked_at_too() -> None:
    dataset = dataclasses.replace(demo(), column_similarity=_gip(PROFILES.T))
    assert [finding.where for finding in leaks(dataset)] == ["demo, small_molecule_similarity"]


@pytest.mark.parametrize("seed", range(5))
def test_random_similarities_are_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert leaks(_with(rng.random((286, 286)))) == []
    assert leaks(demo(seed)) == []


@pytest.mark.parametrize("name", ["dataset1", "dataset2"])
def test_published_similarities_are_none(name: str, shared_data: Path) -> None:
    assert leaks(load(name, shared_data)) == []


@pytest.mark.parametrize("name", ["yamanishi_nr", "yamanishi_gpcr", "hmdd2"])
def test_similarities_of_others_are_none(name: str, shared_data: Path) -> None:
    assert leaks(foreign(name, shared_data)) == []


def test_hmdads_similarities_are_its_associations(shared_data: Path) -> None:
    found = leaks(foreign("hmdad", shared_data))
    assert len(found) == 2
    for finding in found:
        assert finding.is_leak
        assert "is the Gaussian interaction profile kernel" in finding.message


@pytest.mark.parametrize("size", [1, 2, 5])
def test_few_things_say_nothing(size: int) -> None:
    names = tuple(map(str, range(size)))
    associations = np.eye(size)
    assert (
        leaks(AssociationDataset("few", names, names, associations, *[_gip(associations)] * 2))
        == []
    )
