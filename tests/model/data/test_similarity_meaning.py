"""Scale and meaning of a similarity: what weakens the opponents is refused, what is odd is told."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.data.catalogue import load
from model.data.datasets import AssociationDataset
from model.data.finding import Finding
from model.data.similarity_meaning import doubts_about
from model.data.synthetic import demo
from tests.model.data.foreign import foreign

GOOD = demo().row_similarity
NAMES = demo().rows


def _found(similarity: np.ndarray) -> list[Finding]:
    return doubts_about(dataclasses.replace(demo(), row_similarity=similarity))


@pytest.mark.parametrize(
    ("similarity", "words", "mend"),
    [
        (np.zeros_like(GOOD), "every value is 0", "or leave the file out"),
        (np.full_like(GOOD, 0.5), "every value is 0.5", "tell things apart"),
        (GOOD.max() - GOOD, "the diagonal is 0", "1 - distance / largest distance"),
        (100 * GOOD, "values reach 64, which looks like percent", "divide by 100"),
        (1e6 * GOOD, "values reach 640000", "divide by the largest value"),
    ],
    ids=["zeros", "constant", "distances", "percent", "scores"],
)
def test_a_fault_is_one_line(similarity: np.ndarray, words: str, mend: str) -> None:
    if "diagonal" in words:
        np.fill_diagonal(similarity, 0)
    [finding] = _found(similarity)
    assert finding.is_fault
    assert not finding.is_leak
    assert finding.where == "demo, mirna_similarity"
    assert words in finding.message
    assert mend in finding.hint


def _odd(change: str) -> np.ndarray:
    similarity = np.array(GOOD)
    if change == "negative":
        similarity[3, 5] = similarity[5, 3] = -0.25
    if change == "above 1":
        similarity[:2, :2] = 1.2
    if change == "diagonal":
        similarity[7, 7] = 0.1
    if change == "no kernel":
        drawn = np.random.default_rng(0).random(GOOD.shape) < 0.5
        similarity = np.where(np.tril(drawn) | np.tril(drawn).T, 1.0, 0.0)
        np.fill_diagonal(similarity, 1)
    if change == "nothing known":
        similarity = np.where(np.eye(len(GOOD)), 1, 0.3)
    return similarity


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("negative", "values go down to -0.25"),
        ("above 1", "values reach"),
        ("diagonal", f"a thing is more like another than like itself: {NAMES[7]!r} has 0.1 itself"),
        ("no kernel", "far from positive semi-definite"),
        ("nothing known", "two different things always have 0.3"),
    ],
)
def test_what_may_be_meant_is_a_warning(change: str, words: str) -> None:
    [finding] = _found(_odd(change))
    assert not finding.is_fault
    assert words in finding.message


@pytest.mark.parametrize("name", ["demo", "dataset1", "dataset2"])
def test_published_similarities_pass(name: str, shared_data: Path) -> None:
    assert doubts_about(load(name, shared_data)) == []


@pytest.mark.parametrize("name", ["yamanishi_nr", "yamanishi_gpcr", "hmdd2", "hmdad"])
def test_similarities_of_others_pass(name: str, shared_data: Path) -> None:
    assert doubts_about(foreign(name, shared_data)) == []


@pytest.mark.parametrize("size", [1, 2])
def test_one_or_two_things_have_no_scale(size: int) -> None:
    names = tuple(map(str, range(size)))
    zeros = np.zeros((size, size))
    dataset = AssociationDataset("few", names, names, np.ones((size, size)), zeros, zeros)
    assert doubts_about(dataset) == []
