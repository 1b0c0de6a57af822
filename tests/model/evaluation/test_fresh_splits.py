"""Fresh splits: of development associations only, by the rules of the protocol."""

import dataclasses

import numpy as np
import pytest

from model.data.datasets import AssociationDataset
from model.data.names import mature_name
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.fresh_splits import DevelopmentPart, development_part, fresh_folds
from model.evaluation.protocols import (
    HONEST,
    PROTOCOLS,
    Fold,
    Protocol,
    case_study,
    development_folds,
    sealed_fold,
)

EVERY = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))


@pytest.fixture(scope="module")
def dataset() -> AssociationDataset:
    return demo()


def pairs_of(node_pairs: np.ndarray, dataset: AssociationDataset) -> set[tuple[int, int]]:
    return {(i, j - len(dataset.rows)) for i, j in node_pairs.T.tolist()}


def same(first: tuple[Fold, ...], second: tuple[Fold, ...]) -> bool:
    fields = [field.name for field in dataclasses.fields(Fold)]
    return all(
        np.array_equal(getattr(a, field), getattr(b, field))
        for a, b in zip(first, second, strict=True)
        for field in fields
    )


@EVERY
def test_the_sealed_part_is_in_no_fresh_split(
    protocol: Protocol, dataset: AssociationDataset
) -> None:
    part = development_part(dataset, protocol, seed=0)
    everything = {(i, j) for i, j in dataset.association_pairs.tolist()}
    hidden = {(i, j) for i, j in part.never_ranked.tolist()}
    if protocol.sealed_fraction:
        sealed = pairs_of(sealed_fold(dataset, protocol, 0).held_out, dataset)
        # `warm` seals the others too: it does not rank them.
        assert hidden >= sealed if protocol.name == "warm" else hidden == sealed
        assert len(sealed) > 20
    development = everything - hidden
    for seed in (1, 2):
        folds = fresh_folds(part, protocol, seed)
        assert len(folds) == protocol.folds
        for fold in folds:
            trained = {(i, j) for i, j in fold.train_pairs.tolist()}
            held_out = pairs_of(fold.held_out, dataset)
            against = pairs_of(fold.ranked_against, dataset)
            assert trained | held_out <= development
            assert not trained & held_out
            assert not against & everything
            assert fold.balance == protocol.balance
        if protocol.folds > 1:
            parts = [pairs_of(fold.held_out, dataset) for fold in folds]
            ranked = set.union(*parts)
            assert ranked < development if protocol.name == "warm" else ranked == development
            assert sum(map(len, parts)) == len(ranked)


def test_a_single_part_keeps_its_size(dataset: AssociationDataset) -> None:
    protocol = PROTOCOLS["paper-80-10-10"]
    (fold,) = fresh_folds(development_part(dataset, protocol, 0), protocol, 1)
    share = fold.held_out.shape[1] / len(dataset.association_pairs)
    assert share == pytest.approx(0.1, abs=0.01)


def test_twins_stay_together(dataset: AssociationDataset) -> None:
    def keys(pairs: set[tuple[int, int]]) -> set[tuple[str, int]]:
        return {(mature_name(dataset.rows[i]), j) for i, j in pairs}

    part = development_part(dataset, HONEST, 0)

    def crossing(protocol: Protocol) -> int:
        return sum(
            len(
                keys({(i, j) for i, j in fold.train_pairs.tolist()})
                & keys(pairs_of(fold.held_out, dataset))
            )
            for fold in fresh_folds(part, protocol, 1)
        )

    assert crossing(HONEST) == 0
    assert crossing(dataclasses.replace(HONEST, grouping="none")) > 20


@EVERY
def test_splits_are_new_and_repeat(protocol: Protocol, dataset: AssociationDataset) -> None:
    part = development_part(dataset, protocol, 0)
    first = fresh_folds(part, protocol, 0)
    assert same(first, fresh_folds(part, protocol, 0))
    assert not same(first, fresh_folds(part, protocol, 1))
    assert not same(first, development_folds(dataset, protocol, 0))


def test_erased_sealed_associations_change_nothing(dataset: AssociationDataset) -> None:
    """Whoever never knew them gets the same splits, but for what is left out of the ranking."""
    part = development_part(dataset, HONEST, 0)
    rows, molecules = part.never_ranked.T
    erased = dataset.associations.copy()
    erased[rows, molecules] = 0
    without = dataclasses.replace(dataset, associations=erased)
    assert part.dataset.content_hash == without.content_hash
    folds = fresh_folds(part, HONEST, 1)
    assert same(folds, fresh_folds(DevelopmentPart(without, part.never_ranked), HONEST, 1))
    blind = fresh_folds(DevelopmentPart(without, np.empty((0, 2), dtype=int)), HONEST, 1)
    for fold, other in zip(folds, blind, strict=True):
        assert np.array_equal(fold.train_pairs, other.train_pairs)
        assert np.array_equal(fold.held_out, other.held_out)
        extra = pairs_of(other.ranked_against, dataset) - pairs_of(fold.ranked_against, dataset)
        assert extra == {(i, j) for i, j in part.never_ranked.tolist()}


def test_a_case_study_has_one_split(dataset: AssociationDataset) -> None:
    measured = case_study(dataset.columns[0])
    with pytest.raises(InputError, match="one split"):
        fresh_folds(development_part(dataset, measured, 0), measured, 1)
