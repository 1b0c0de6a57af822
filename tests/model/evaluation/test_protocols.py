"""What sets the project's protocols apart; what all promise is in tests/contracts/protocol.py."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from model.baselines.additive_degree import additive_degree
from model.baselines.registry import evaluate_baseline
from model.data.datasets import AssociationDataset
from model.data.kinds import Kind
from model.data.names import mature_name
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocol_names import is_same_protocol, todays_name
from model.evaluation.protocols import (
    COLD_COLUMNS,
    COLD_ROWS,
    DAESTB,
    HONEST,
    PAPER,
    PAPER_80_10_10,
    PROTOCOLS,
    RANDOM,
    WARM,
    Protocol,
    case_study,
    development_folds,
    protocol,
    sealed_fold,
)
from model.evaluation.splits import SEALED, deal_out
from tests.contracts.protocol import Pairs, as_set, crossing, index_pairs, sealed_pairs

# The beginning of the SHA-256 of what folds of the demo data held out before the names changed.
HELD_OUT_BEFORE = {
    "honest": "c876f55fa0fdf7d8",
    "cold-rows": "9fea1f6afe9ace1f",
    "cold-columns": "c6bfb47ca43da12f",
}
# A molecule with many associations, a miRNA with some, and one with a twin that has some too.
CASES = [case_study(name) for name in ("demo-sm-01", "demo-mir-60", "demo-mir-29-2")]
EVERYTHING = [*PROTOCOLS.values(), *CASES]
EVERY = pytest.mark.parametrize("measured", EVERYTHING, ids=lambda p: p.name)
COLD = pytest.mark.parametrize("measured", [COLD_ROWS, COLD_COLUMNS, *CASES], ids=lambda p: p.name)


@pytest.fixture(scope="module")
def dataset() -> AssociationDataset:
    return demo()


@pytest.mark.parametrize(
    "measured", [one for one in PROTOCOLS.values() if one is not WARM], ids=lambda one: one.name
)
@pytest.mark.parametrize("seed", range(3))
def test_sizes_of_the_parts(measured: Protocol, seed: int, dataset: AssociationDataset) -> None:
    known = len(dataset.association_pairs)
    folds = development_folds(dataset, measured, seed)
    sizes = [fold.held_out.shape[1] for fold in folds]
    sealed = len(sealed_pairs(dataset, measured, seed))
    by_association = measured.split_by == "association"
    # One molecule holds an eighth of all associations and is never torn apart.
    tolerance = 0.01 if by_association or measured is COLD_ROWS else 0.05
    assert sealed / known == pytest.approx(measured.sealed_fraction, abs=tolerance)
    if measured is PAPER_80_10_10:
        assert (len(folds[0].train_pairs), sizes) == (known - 2 * 66, [66])
    else:
        slack = {"association": 3, "row": 10}.get(measured.split_by, 100)
        assert max(sizes) - min(sizes) <= slack
        assert sum(sizes) == known - sealed


def test_warm_needs_associations_that_leave_another(dataset: AssociationDataset) -> None:
    lonely = dataclasses.replace(
        dataset, associations=np.eye(*dataset.associations.shape, dtype=np.uint8)
    )
    with pytest.raises(InputError, match="holds out no association of two things"):
        development_folds(lonely, WARM, 0)


def test_counting_is_worth_less_where_things_without_associations_are_not_ranked(
    dataset: AssociationDataset,
) -> None:
    """Ten times as many columns, the new ones without any association."""
    rows, columns = dataset.associations.shape
    more = 9 * columns
    padded = dataclasses.replace(
        dataset,
        columns=(*dataset.columns, *(f"new-{number}" for number in range(more))),
        associations=np.hstack((dataset.associations, np.zeros((rows, more), dtype=np.uint8))),
        column_similarity=np.eye(columns + more),
    )
    auc = {
        (measured.name, data.associations.shape[1] > columns): evaluate_baseline(
            additive_degree, data, development_folds(data, measured, 0)
        ).summary()["auc"]
        for measured in (HONEST, WARM)
        for data in (dataset, padded)
    }
    assert auc["honest", True] > auc["honest", False] + 0.1
    assert auc["warm", True] == pytest.approx(auc["warm", False], abs=0.04)


def test_a_large_group_is_not_sealed_where_it_would_overshoot() -> None:
    """A molecule with half of all associations, and 10 to seal."""
    groups = np.concatenate([np.zeros(50, dtype=int), np.arange(1, 51)])

    def sealed(seed: int, even_large: bool) -> int:
        rng = np.random.default_rng(seed)
        part = deal_out(groups, rng, folds=2, sealed=10, even_large_groups=even_large)
        return int((part == SEALED).sum())

    assert {sealed(seed, False) for seed in range(40)} == {10}
    assert max(sealed(seed, True) for seed in range(40)) >= 50


def test_which_protocols_seal_a_part(dataset: AssociationDataset) -> None:
    sealing = {name for name, measured in PROTOCOLS.items() if measured.sealed_fraction}
    cold = {"cold-rows", "cold-columns"}
    assert sealing == {"honest", "warm", "paper-80-10-10"} | cold
    with pytest.raises(InputError, match="'paper' has no sealed part"):
        sealed_fold(dataset, PAPER, seed=0)


@EVERY
def test_twins_cross_where_the_protocol_says_so(
    measured: Protocol, dataset: AssociationDataset
) -> None:
    folds = [*development_folds(dataset, measured, 0)]
    if measured.sealed_fraction:
        folds.append(sealed_fold(dataset, measured, 0))
    if measured.grouping in ("precursors", "mature"):
        assert crossing(folds, dataset) == 0
    else:
        assert crossing(folds, dataset) > 3


def test_train_groups_tell_twins(dataset: AssociationDataset) -> None:
    """Two training associations share a group if and only if they are near-copies."""
    fold = development_folds(dataset, HONEST, 0)[0]
    keys = [(mature_name(dataset.rows[i]), j) for i, j in fold.train_pairs]
    groups = fold.train_groups.tolist()
    assert len(set(zip(keys, groups, strict=True))) == len(set(keys)) == len(set(groups))
    assert len(set(keys)) < len(keys)


@COLD
def test_a_cold_node_has_no_training_association(
    measured: Protocol, dataset: AssociationDataset
) -> None:
    n_rows = len(dataset.rows)
    by_row = measured is COLD_ROWS or measured.node in dataset.rows
    folds = [*development_folds(dataset, measured, 0)]
    if measured.sealed_fraction:
        folds.append(sealed_fold(dataset, measured, 0))
    for fold in folds:
        side = 0 if by_row else 1
        cold = set(fold.held_out[side].tolist())
        known = set((fold.train_pairs[:, side] + side * n_rows).tolist())
        assert not cold & known
        if by_row:  # nor has a twin of it
            mature = {mature_name(dataset.rows[i]) for i in cold}
            assert not mature & {mature_name(dataset.rows[i]) for i in known}
        # Held out and ranked against, they are all pairs of the cold nodes, and no other.
        names = (dataset.rows, dataset.columns)[1 - side]
        assert fold.held_out.shape[1] + fold.ranked_against.shape[1] == len(cold) * len(names)
        assert set(fold.ranked_against[side].tolist()) <= cold


def test_a_case_study_holds_out_its_node_alone(dataset: AssociationDataset) -> None:
    for measured in CASES:
        (fold,) = development_folds(dataset, measured, 0)
        names = (*dataset.rows, *dataset.columns)
        node = names.index(measured.node)
        assert (fold.held_out == node).any(axis=0).all()
        degree = [*dataset.associations.sum(axis=1), *dataset.associations.sum(axis=0)]
        assert fold.held_out.shape[1] == degree[node]
        # The associations of its twins are left out: only the last of the cases has one.
        left_out = len(dataset.association_pairs) - len(fold.train_pairs) - degree[node]
        assert bool(left_out) == (measured is CASES[2])


@pytest.mark.parametrize(
    ("measured", "digest"), [(HONEST, "f2a7a3931a114dfb"), (PAPER, "ed7c0243bf27b5ff")]
)
def test_published_figures_keep_their_splits(
    measured: Protocol, digest: str, dataset: AssociationDataset
) -> None:
    """Figures in the README and studies on record are of these very splits."""
    folds = development_folds(dataset, measured, seed=0)
    held_out = b"".join(fold.held_out.astype("<i8").tobytes() for fold in folds)
    assert hashlib.sha256(held_out).hexdigest()[:16] == digest


def test_groups_of_ones_own(dataset: AssociationDataset) -> None:
    """The grouping rule is data: here the first hundred miRNAs are twins, and three columns."""
    rows = tuple((name, "x") for name in dataset.rows[:100])
    columns = tuple((name, "y") for name in dataset.columns[:3])

    def keys(pairs: Pairs) -> Pairs:
        return {(max(i, 99), max(j, 2)) for i, j in pairs}

    mine = dataclasses.replace(HONEST, name="mine", grouping=rows + columns)
    for fold in development_folds(dataset, mine, 0):
        held_out = keys(index_pairs(fold.held_out, dataset))
        assert held_out.isdisjoint(keys(as_set(fold.train_pairs)))
    cold = dataclasses.replace(COLD_ROWS, name="mine", grouping=rows)
    for fold in development_folds(dataset, cold, 0):
        train = {i for i, _ in keys(as_set(fold.train_pairs))}
        assert train.isdisjoint(np.maximum(fold.held_out[0], 99).tolist())


def test_the_order_of_the_protocols(dataset: AssociationDataset) -> None:
    """What each is for shows in the score of counting associations."""
    auc = {
        measured.name: evaluate_baseline(
            additive_degree, dataset, development_folds(dataset, measured, seed=0)
        ).summary()["auc"]
        for measured in (PAPER, RANDOM, COLD_COLUMNS)
    }
    assert auc["paper"] > auc["random"] + 0.05 > auc["cold-columns"] + 0.1


def test_metrics_are_as_is_where_the_protocol_says_so(dataset: AssociationDataset) -> None:
    """The same folds at another balance: AUC stays, AP falls to that of the raw numbers."""
    folds = development_folds(dataset, DAESTB, seed=0)[:1]
    even = [dataclasses.replace(fold, balance="1:1") for fold in folds]
    as_is = evaluate_baseline(additive_degree, dataset, folds).folds[0]
    one_to_one = evaluate_baseline(additive_degree, dataset, even).folds[0]
    assert as_is["auc"] == one_to_one["auc"]
    assert as_is["ap"] < one_to_one["ap"] / 3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("measured", [PAPER_80_10_10, CASES[0]], ids=lambda p: p.name)
def test_a_single_fold_has_no_spread(measured: Protocol, dataset: AssociationDataset) -> None:
    folds = development_folds(dataset, measured, seed=0)
    summary = evaluate_baseline(additive_degree, dataset, folds).summary()
    assert np.isfinite(summary["auc"])
    assert np.isnan(summary["auc_sd"])


def test_too_few_associations(tiny: AssociationDataset) -> None:
    many = dataclasses.replace(PAPER, folds=40)
    with pytest.raises(InputError, match="do not fill 40 folds"):
        development_folds(tiny, many, seed=0)
    with pytest.raises(InputError, match="6 groups of associations do not fill 7 folds"):
        development_folds(tiny, dataclasses.replace(COLD_COLUMNS, folds=7), seed=0)


def test_nothing_to_rank_against(tiny: AssociationDataset) -> None:
    full = dataclasses.replace(tiny, associations=np.ones((12, 6), dtype=np.uint8))
    with pytest.raises(InputError, match="no unknown pair"):
        development_folds(full, HONEST, seed=0)


def test_lookup(dataset: AssociationDataset) -> None:
    assert all(protocol(name) is measured for name, measured in PROTOCOLS.items())
    assert protocol("case-study:CID:3229").node == "CID:3229"
    for name in ("fair", "case-study", "case-study:", "honest:x"):
        with pytest.raises(InputError, match=r"honest, random, paper.*case-study:NAME"):
            protocol(name)
    with pytest.raises(InputError, match="unknown small molecule 'demo-sm-O1' - did you mean"):
        development_folds(dataset, case_study("demo-sm-O1"), 0)
    with pytest.raises(InputError, match=r"unknown miRNA 'demo-mir-6000'.*demo-mir-60"):
        development_folds(dataset, case_study("demo-mir-6000"), 0)


def test_a_node_for_a_case_study(tiny: AssociationDataset) -> None:
    lonely = tiny.associations.copy()
    lonely[5] = 0
    with pytest.raises(InputError, match="'t-mir-4' has no known association"):
        development_folds(dataclasses.replace(tiny, associations=lonely), case_study("t-mir-4"), 0)
    both = dataclasses.replace(tiny, columns=("t-mir-4", *tiny.columns[1:]))
    with pytest.raises(InputError, match="names a miRNA and a small molecule"):
        development_folds(both, case_study("t-mir-4"), 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"folds": 0}, "0 folds: 2 or more hold out everything"),
        ({"folds": 1}, "1 folds: 2 or more hold out everything"),
        ({"held_out_fraction": 0.2}, "5 folds: 2 or more hold out everything"),
        ({"node": "x", "folds": 1}, "if and only if the split is by node"),
        ({"split_by": "node", "folds": 1}, "if and only if the split is by node"),
        ({"folds": 1, "held_out_fraction": 0.9}, "leave nothing to train on"),
    ],
    ids=str,
)
def test_a_protocol_that_cannot_be_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(HONEST, name="wrong", **wrong)


def test_earlier_names_are_understood() -> None:
    """Of the time when all data were of miRNAs and small molecules."""
    assert protocol("cold-mirna") is COLD_ROWS
    assert protocol("cold-small-molecule") is COLD_COLUMNS
    assert todays_name("cold-mirna+groups-1a2b3c4d") == "cold-rows+groups-1a2b3c4d"
    assert todays_name("cold-mirnas") == "cold-mirnas"
    assert is_same_protocol("cold-mirna", "cold-rows")
    assert not is_same_protocol("cold-mirna", "cold-columns")
    assert not is_same_protocol(None, "honest")


def test_splits_under_new_names_are_those_of_the_earlier_ones(dataset: AssociationDataset) -> None:
    """So that scores recorded under those stay comparable."""
    found = {
        name: hashlib.sha256(
            b"".join(
                fold.held_out.tobytes() for fold in development_folds(dataset, PROTOCOLS[name], 3)
            )
        ).hexdigest()[:16]
        for name in ("honest", "cold-rows", "cold-columns")
    }
    assert found == HELD_OUT_BEFORE


def test_a_protocol_of_an_earlier_record() -> None:
    recorded = json.loads(json.dumps(dataclasses.asdict(COLD_ROWS)))
    recorded |= {"name": "cold-mirna, fresh", "split_by": "mirna", "meaning": "as it was"}
    expected = dataclasses.replace(COLD_ROWS, name="cold-rows, fresh", meaning="as it was")
    assert Protocol.of_record(recorded) == expected
    recorded |= {"split_by": "small molecule", "grouping": [["a", "x"], ["b", "x"]]}
    found = Protocol.of_record(recorded)
    assert (found.split_by, found.grouping) == ("column", (("a", "x"), ("b", "x")))


def test_a_meaning_is_in_the_words_of_the_data() -> None:
    kinds = (Kind("gene", "genes"), Kind("drug", "drugs"))
    assert COLD_ROWS.in_words_of(kinds).meaning.startswith("New genes: held-out ones")
    for measured in (*PROTOCOLS.values(), case_study("BRCA1")):
        assert "{" not in measured.in_words_of(kinds).meaning


@pytest.mark.parametrize("turned", [False, True])
def test_twins_by_name_share_a_part_on_either_side(turned: bool, tiny: AssociationDataset) -> None:
    """Precursors of one mature miRNA are found where the names are, whatever the kinds are."""
    kinds = (Kind("disease", "diseases"), Kind("transcript", "transcripts"))
    network = tiny
    if turned:
        network = AssociationDataset(
            "turned",
            tiny.columns,
            tiny.rows,
            tiny.associations.T,
            tiny.column_similarity,
            tiny.row_similarity,
            kinds,
        )
    side = int(turned)
    names = (network.rows, network.columns)[side]
    for measured in (HONEST, COLD_COLUMNS if turned else COLD_ROWS):
        for fold in development_folds(network, measured, 0):
            pairs = fold.held_out.T - [0, len(network.rows)]

            def labelled(pairs: np.ndarray, *, whole: bool) -> set[tuple[str, int]]:
                return {
                    (mature_name(names[pair[side]]), -1 if whole else int(pair[1 - side]))
                    for pair in pairs
                }

            whole = measured is not HONEST
            held_out = labelled(pairs, whole=whole)
            assert not held_out & labelled(fold.train_pairs, whole=whole)
