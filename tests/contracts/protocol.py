"""The contract of a protocol: an entry of `PROTOCOLS`, or the case study of a node.

A contract is a class of tests that asks for ``kind``, a name of its table. Give it the names:

    @pytest.mark.parametrize("kind", ["mine"])
    class TestMine(ProtocolContract): ...
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from model.data.datasets import AssociationDataset
from model.data.names import mature_name
from model.data.synthetic import demo
from model.evaluation.protocols import (
    Fold,
    Protocol,
    development_folds,
    development_pairs,
    protocol,
    sealed_fold,
)

Pairs = set[tuple[int, int]]


def as_set(pairs: Iterable[Iterable[int]]) -> Pairs:
    return {(int(i), int(j)) for i, j in pairs}


def index_pairs(node_pairs: np.ndarray, dataset: AssociationDataset) -> Pairs:
    return as_set(node_pairs.T - [0, len(dataset.rows)])


def sealed_pairs(dataset: AssociationDataset, measured: Protocol, seed: int) -> Pairs:
    if not measured.sealed_fraction:
        return set()
    return index_pairs(sealed_fold(dataset, measured, seed).held_out, dataset)


def every_fold(dataset: AssociationDataset, measured: Protocol, seed: int) -> list[Fold]:
    """Those of development, and the sealed part as one where there is one."""
    folds = [*development_folds(dataset, measured, seed)]
    if measured.sealed_fraction:
        folds.append(sealed_fold(dataset, measured, seed))
    return folds


def twins_of(node: str, dataset: AssociationDataset) -> set[int]:
    names = enumerate(dataset.rows)
    return {row for row, name in names if mature_name(name) == mature_name(node)}


def crossing(folds: Iterable[Fold], dataset: AssociationDataset) -> int:
    """Associations of one mature miRNA with one small molecule that are on both sides."""

    def keys(pairs: Pairs) -> set[tuple[str, int]]:
        return {(mature_name(dataset.rows[i]), j) for i, j in pairs}

    return sum(
        len(keys(as_set(fold.train_pairs)) & keys(index_pairs(fold.held_out, dataset)))
        for fold in folds
    )


def among_trained(measured: Protocol) -> bool:
    return measured.ranked_against == "unknown pairs of training nodes"


def new_in(pair: tuple[int, int], train: Pairs) -> bool:
    """Whether the row or the column of an association has no training association."""
    return pair[0] not in {i for i, _ in train} or pair[1] not in {j for _, j in train}


def same(first: tuple[Fold, ...], second: tuple[Fold, ...]) -> bool:
    fields = [field.name for field in dataclasses.fields(Fold)]
    return all(
        np.array_equal(getattr(a, field), getattr(b, field))
        for a, b in zip(first, second, strict=True)
        for field in fields
    )


class ProtocolContract:
    def dataset(self) -> AssociationDataset:
        """It must have enough associations for the protocol's folds."""
        return demo()

    def test_it_goes_by_its_own_name(self, kind: str) -> None:
        assert protocol(kind).name == kind

    def test_parts_are_disjoint_and_cover_every_association(self, kind: str) -> None:
        dataset, measured = self.dataset(), protocol(kind)
        everything = as_set(dataset.association_pairs)
        folds = development_folds(dataset, measured, seed=3)
        assert len(folds) == measured.folds
        sealed = sealed_pairs(dataset, measured, 3)
        if among_trained(measured):  # part of what is sealed is not ranked
            development = as_set(development_pairs(dataset, measured, 3))
            assert not any(new_in(pair, development) for pair in sealed)
            apart = everything - development
            assert all(new_in(pair, development) for pair in apart - sealed)
            sealed = apart
        held_out = [index_pairs(fold.held_out, dataset) for fold in folds]
        for fold, part in zip(folds, held_out, strict=True):
            train = as_set(fold.train_pairs)
            assert len(train) == len(fold.train_pairs) == len(fold.train_groups)
            assert part
            assert train.isdisjoint(part)
            assert train.isdisjoint(sealed)
            left_out = everything - train - part - sealed
            if among_trained(measured):
                assert all(new_in(pair, train) for pair in left_out)
                assert not any(new_in(pair, train) for pair in part)
                continue
            # Only a case study leaves any out besides: the associations of its node's twins.
            missing = {i for i, _ in left_out}
            assert missing <= (twins_of(measured.node, dataset) if measured.node else set())
        assert sum(map(len, held_out)) == len(set.union(*held_out))
        whole = measured.held_out_fraction is None and measured.node is None
        if whole and not among_trained(measured):
            assert set.union(*held_out) == everything - sealed
        assert as_set(development_pairs(dataset, measured, 3)) == everything - sealed

    def test_sealed_associations_are_nowhere_in_development(self, kind: str) -> None:
        dataset, measured = self.dataset(), protocol(kind)
        sealed = sealed_pairs(dataset, measured, 0)
        assert bool(sealed) == bool(measured.sealed_fraction)
        for fold in development_folds(dataset, measured, seed=0):
            ranked = np.concatenate((fold.held_out, fold.ranked_against), axis=1)
            assert sealed.isdisjoint(index_pairs(ranked, dataset) | as_set(fold.train_pairs))

    def test_twins_never_cross_where_it_groups_them(self, kind: str) -> None:
        dataset, measured = self.dataset(), protocol(kind)
        if measured.grouping in ("precursors", "mature"):
            assert crossing(every_fold(dataset, measured, 0), dataset) == 0

    def test_a_cold_node_has_no_training_association(self, kind: str) -> None:
        dataset, measured = self.dataset(), protocol(kind)
        if measured.split_by == "association":
            return
        by_row = measured.split_by == "row" or measured.node in dataset.rows
        side = 0 if by_row else 1
        for fold in every_fold(dataset, measured, 0):
            cold = set(fold.held_out[side].tolist())
            assert cold.isdisjoint(to_nodes(fold.train_pairs, dataset)[side].tolist())

    def test_it_ranks_against_pairs_that_are_no_known_association(self, kind: str) -> None:
        dataset, measured = self.dataset(), protocol(kind)
        n_rows, n_columns = dataset.associations.shape
        known = as_set(to_nodes(dataset.association_pairs, dataset).T)
        for fold in development_folds(dataset, measured, seed=0):
            assert fold.balance == measured.balance
            pairs = as_set(fold.ranked_against.T)
            assert len(pairs) == fold.ranked_against.shape[1] > 0
            assert pairs.isdisjoint(known)
            if measured.ranked_against == "node pairs":
                assert len(pairs) == fold.held_out.shape[1]
                # Of 325 nodes 286 are miRNAs, so about 77 % of all pairs are two miRNAs.
                of_one_side = sum(not i < n_rows <= j for i, j in pairs)
                assert of_one_side / len(pairs) > 0.6
            else:
                assert all(i < n_rows <= j for i, j in pairs)
            if measured.ranked_against == "unknown pairs":
                assert len(pairs) == n_rows * n_columns - len(known)
            if among_trained(measured):
                trained = to_nodes(fold.train_pairs, dataset)
                rows, columns = (set(side.tolist()) for side in trained)
                every = {(i, j) for i in rows for j in columns}
                assert pairs == every - known

    def test_splits_depend_on_data_name_and_seed_alone(self, kind: str) -> None:
        dataset, measured = self.dataset(), protocol(kind)
        folds = development_folds(dataset, measured, seed=1)
        assert same(folds, development_folds(self.dataset(), measured, seed=1))
        if measured.node:
            return  # there is one way to take a node away
        assert not same(folds, development_folds(dataset, measured, seed=2))
        other = dataclasses.replace(measured, name="another")
        assert not same(folds, development_folds(dataset, other, seed=1))

    def test_it_says_what_it_means(self, kind: str) -> None:
        measured = protocol(kind)
        assert len(measured.meaning) > 100
        assert measured.meaning.endswith(".")
        if measured.folds == 1:
            assert "no spread" in measured.meaning


def to_nodes(pairs: np.ndarray, dataset: AssociationDataset) -> np.ndarray:
    """(2, P) node pairs of (P, 2) index pairs."""
    return (pairs + [0, len(dataset.rows)]).T
