"""Protocols: parts that do not overlap, twins that stay together, splits that repeat."""

import dataclasses

import numpy as np
import pytest

from model.datasets import AssociationDataset
from model.errors import InputError
from model.names import mature_name
from model.protocols import (
    HONEST,
    PAPER,
    PROTOCOLS,
    Fold,
    Protocol,
    development_folds,
    development_pairs,
    protocol,
    sealed_fold,
)
from model.synthetic import demo

EVERY = pytest.mark.parametrize("measured", PROTOCOLS.values(), ids=list(PROTOCOLS))


@pytest.fixture(scope="module")
def dataset() -> AssociationDataset:
    return demo()


def held_out_pairs(fold: Fold, dataset: AssociationDataset) -> set[tuple[int, int]]:
    return {(i, j - len(dataset.mirnas)) for i, j in fold.held_out.T.tolist()}


def train_pairs(fold: Fold) -> set[tuple[int, int]]:
    return {(i, j) for i, j in fold.train_pairs.tolist()}


@EVERY
def test_parts_cover_every_association_once(
    measured: Protocol, dataset: AssociationDataset
) -> None:
    everything = {(i, j) for i, j in dataset.association_pairs.tolist()}
    folds = development_folds(dataset, measured, seed=3)
    assert len(folds) == measured.folds
    parts = [held_out_pairs(fold, dataset) for fold in folds]
    if measured.sealed_fraction:
        parts.append(held_out_pairs(sealed_fold(dataset, measured, seed=3), dataset))
        assert len(parts[-1]) / len(everything) == pytest.approx(0.1, abs=0.01)
    assert sum(map(len, parts)) == len(everything)
    assert set.union(*parts) == everything
    sizes = [len(part) for part in parts[: measured.folds]]
    assert max(sizes) - min(sizes) <= 3  # a group of twins is not torn apart to even them out
    sealed = everything - set.union(*parts[: measured.folds])
    for fold, part in zip(folds, parts, strict=False):
        assert train_pairs(fold) == everything - part - sealed
    assert {tuple(p) for p in development_pairs(dataset, measured, 3)} == everything - sealed


def test_sealed_associations_are_nowhere_in_development(dataset: AssociationDataset) -> None:
    sealed = {tuple(pair) for pair in sealed_fold(dataset, HONEST, seed=0).held_out.T.tolist()}
    for fold in development_folds(dataset, HONEST, seed=0):
        for pairs in (fold.held_out, fold.ranked_against, fold.train_pairs.T + [[0], [286]]):
            assert not sealed & {tuple(pair) for pair in pairs.T.tolist()}


def test_no_twin_crosses(dataset: AssociationDataset) -> None:
    """Associations of one mature miRNA with one small molecule are never on both sides."""

    def keys(pairs: set[tuple[int, int]]) -> set[tuple[str, int]]:
        return {(mature_name(dataset.mirnas[i]), j) for i, j in pairs}

    def crossing(folds: list[Fold]) -> int:
        return sum(
            len(keys(train_pairs(fold)) & keys(held_out_pairs(fold, dataset))) for fold in folds
        )

    honest = [*development_folds(dataset, HONEST, 0), sealed_fold(dataset, HONEST, 0)]
    assert crossing(honest) == 0
    ungrouped = dataclasses.replace(HONEST, grouped=False)
    assert crossing(list(development_folds(dataset, ungrouped, 0))) > 20


@EVERY
def test_what_is_ranked_against(measured: Protocol, dataset: AssociationDataset) -> None:
    n_mirnas, n_small_molecules = dataset.associations.shape
    known = {(i, j + n_mirnas) for i, j in dataset.association_pairs.tolist()}
    for fold in development_folds(dataset, measured, seed=0):
        pairs = {tuple(pair) for pair in fold.ranked_against.T.tolist()}
        assert len(pairs) == fold.ranked_against.shape[1]
        assert not pairs & known
        if measured is HONEST:
            assert len(pairs) == n_mirnas * n_small_molecules - len(known)
            assert all(i < n_mirnas <= j for i, j in pairs)
        else:
            assert len(pairs) == fold.held_out.shape[1]
            # 286 of 325 nodes are miRNAs, so about 77 % of all pairs are two miRNAs.
            of_one_side = sum(not i < n_mirnas <= j for i, j in pairs)
            assert of_one_side / len(pairs) > 0.6


@EVERY
def test_splits_depend_on_data_protocol_and_seed_alone(
    measured: Protocol, dataset: AssociationDataset
) -> None:
    def same(first: tuple[Fold, ...], second: tuple[Fold, ...]) -> bool:
        fields = [field.name for field in dataclasses.fields(Fold)]
        return all(
            np.array_equal(getattr(a, field), getattr(b, field))
            for a, b in zip(first, second, strict=True)
            for field in fields
        )

    folds = development_folds(dataset, measured, seed=1)
    assert same(folds, development_folds(demo(), measured, seed=1))
    assert not same(folds, development_folds(dataset, measured, seed=2))
    other = dataclasses.replace(measured, name="another")
    assert not same(folds, development_folds(dataset, other, seed=1))


def test_too_few_associations(tiny: AssociationDataset) -> None:
    many = dataclasses.replace(PAPER, folds=40)
    with pytest.raises(InputError, match="do not fill 40 folds"):
        development_folds(tiny, many, seed=0)


def test_unknown_protocol() -> None:
    with pytest.raises(InputError, match="honest, paper"):
        protocol("fair")
