"""Every baseline, protocol and metric keeps its contract, and each contract finds faults."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics as sk

from model.baselines.registry import BASELINES
from model.data.datasets import AssociationDataset
from model.evaluation import folds as folds_module
from model.evaluation.metrics.ranked import RankedFold
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import HONEST, PROTOCOLS, Fold
from tests.contracts.baseline import BaselineContract
from tests.contracts.metric import MetricContract
from tests.contracts.protocol import ProtocolContract

pytestmark = pytest.mark.heavy

# A molecule with many associations, a miRNA with some, and one with a twin that has some too.
CASES = ("case-study:demo-sm-01", "case-study:demo-mir-60", "case-study:demo-mir-29-2")


@pytest.mark.parametrize("kind", BASELINES)
class TestBaselines(BaselineContract): ...


@pytest.mark.parametrize("kind", [*PROTOCOLS, *CASES])
class TestProtocols(ProtocolContract): ...


@pytest.mark.parametrize("kind", METRICS)
class TestMetrics(MetricContract):
    def expected(self, kind: str, fold: RankedFold) -> float:
        """As scikit-learn has it, whose weights are ours at 1:1; else by going through the list."""
        labels, scores, weights = fold.labels, fold.scores, fold.weights
        predicted = scores >= fold.threshold
        of_pairs = {"sample_weight": weights, "zero_division": 0}
        definitions: dict[str, Callable[[], float]] = {
            "auc": lambda: sk.roc_auc_score(labels, scores),
            "ap": lambda: sk.average_precision_score(labels, scores, sample_weight=weights),
            "ap_as_is": lambda: sk.average_precision_score(labels, scores),
            "hits_at_100": lambda: found_at(100, labels, scores),
            "recall_at_1_percent": lambda: (
                found_at(math.ceil(len(scores) / 100), labels, scores) / labels.sum()
            ),
            "ndcg": lambda: gain(labels, scores) / gain(labels, labels),
            "auc_by_row": lambda: mean_within(0, fold, sk.roc_auc_score),
            "auc_by_column": lambda: mean_within(1, fold, sk.roc_auc_score),
            "recall_at_10_by_row": lambda: mean_within(0, fold, recall_at_10),
            "recall_at_10_by_column": lambda: mean_within(1, fold, recall_at_10),
            "acc": lambda: sk.accuracy_score(labels, predicted, sample_weight=weights),
            "pre": lambda: sk.precision_score(labels, predicted, **of_pairs),
            "sen": lambda: sk.recall_score(labels, predicted, **of_pairs),
            "spe": lambda: sk.recall_score(labels == 0, ~predicted, **of_pairs),
            "f1": lambda: sk.f1_score(labels, predicted, **of_pairs),
            "mcc": lambda: sk.matthews_corrcoef(labels, predicted, sample_weight=weights),
        }
        return float(definitions[kind]())


def shares(labels: np.ndarray, scores: np.ndarray) -> list[float]:
    """Of each place of the list, best first: the held-out share of the pairs that tie for it."""
    return [labels[scores == score].mean() for score in sorted(scores, reverse=True)]


def found_at(k: int, labels: np.ndarray, scores: np.ndarray) -> float:
    return sum(shares(labels, scores)[:k])


def gain(labels: np.ndarray, scores: np.ndarray) -> float:
    return sum(share / math.log2(1 + i) for i, share in enumerate(shares(labels, scores), 1))


def recall_at_10(labels: np.ndarray, scores: np.ndarray) -> float:
    return found_at(10, labels, scores) / min(10, labels.sum())


def mean_within(side: int, fold: RankedFold, of: Callable[..., float]) -> float:
    """The mean over the nodes of a side that have pairs of both kinds, each among its own pairs."""
    nodes = np.concatenate([pairs[side] for pairs in fold.pairs])
    own = [nodes == node for node in range(9)]
    values = [of(fold.labels[one], fold.scores[one]) for one in own if len({*fold.labels[one]}) > 1]
    return float(np.mean(values)) if values else math.nan


def plant(patch: pytest.MonkeyPatch, table: object, kind: str, entry: object) -> None:
    patch.setitem(table._own, kind, entry)  # type: ignore[attr-defined]


def reads_everything(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    return dataset.associations + dataset.row_similarity[:, :6]


def draws(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    return np.random.default_rng().random(dataset.associations.shape)


def divides_by_zero(dataset: AssociationDataset, fold: Fold) -> np.ndarray:
    a_MS = np.zeros(dataset.associations.shape)
    a_MS[tuple(fold.train_pairs.T)] = 1
    with np.errstate(invalid="ignore"):
        return a_MS / a_MS.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (reads_everything, "test_held_out_associations_cannot_reach_it"),
        (reads_everything, "test_it_reads_the_training_associations"),
        (draws, "test_it_is_deterministic"),
        (divides_by_zero, "test_every_pair_has_a_finite_score"),
    ],
)
def test_a_fault_of_a_baseline_is_found(
    fault: Callable[..., np.ndarray], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, BASELINES, "faulty", fault)
    arguments = {"protocol": PROTOCOLS["cold-rows"]} if check in _UNDER_PROTOCOLS else {}
    with pytest.raises(AssertionError):
        getattr(BaselineContract(), check)("faulty", **arguments)


_UNDER_PROTOCOLS = (
    "test_held_out_associations_cannot_reach_it",
    "test_every_pair_has_a_finite_score",
)


@pytest.mark.parametrize("name", ["additive degree", "kernel ridge similarity"])
def test_a_leak_in_what_all_baselines_read_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read the network through one function."""
    for module in ("additive_degree", "inner_cv"):
        monkeypatch.setattr(
            f"model.baselines.{module}.training_matrix",
            lambda dataset, pairs: dataset.associations.astype(float),
        )
    with pytest.raises(AssertionError):
        BaselineContract().test_held_out_associations_cannot_reach_it(name, HONEST)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (
            {"batched": lambda folds: folds.all_pairs.n_held_out},
            "test_folds_at_once_are_each_on_its_own",
        ),
        (
            {"batched": lambda folds: folds.all_pairs.n_held_out * folds.is_finite.sum().item()},
            "test_its_batched_form_waits_for_no_device",
        ),
        (
            {"plain": lambda fold: float(fold.held_out[0])},
            "test_the_order_of_pairs_does_not_matter",
        ),
        ({"plain": lambda fold: float(fold.unknown.mean())}, "test_higher_is_better"),
        ({"plain": lambda fold: 0.5}, "test_it_is_what_it_should_be"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_fault_of_a_metric_is_found(
    change: dict[str, object], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, METRICS, "auc", dataclasses.replace(METRICS["auc"], **change))
    with pytest.raises(AssertionError):
        getattr(TestMetrics(), check)("auc")


def test_faults_of_a_protocol_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = ProtocolContract()
    plant(monkeypatch, PROTOCOLS, "mine", HONEST)
    with pytest.raises(AssertionError):
        contract.test_it_goes_by_its_own_name("mine")
    honest = folds_module._fold

    def sealed_ranked(*arguments: object) -> Fold:
        fold = honest(*arguments)  # type: ignore[arg-type]
        dataset = arguments[0]
        known = (dataset.association_pairs + [0, len(dataset.rows)]).T  # type: ignore[attr-defined]
        return dataclasses.replace(
            fold,
            train_pairs=dataset.association_pairs,  # type: ignore[attr-defined]
            ranked_against=np.concatenate((fold.ranked_against, known), axis=1),
        )

    monkeypatch.setattr(folds_module, "_fold", sealed_ranked)
    for check in (
        contract.test_parts_are_disjoint_and_cover_every_association,
        contract.test_sealed_associations_are_nowhere_in_development,
        contract.test_twins_never_cross_where_it_groups_them,
        contract.test_it_ranks_against_pairs_that_are_no_known_association,
    ):
        with pytest.raises(AssertionError):
            check("honest")
    with pytest.raises(AssertionError):
        contract.test_a_cold_node_has_no_training_association("cold-rows")
