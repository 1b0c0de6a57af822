"""The leak suite: held-out associations cannot influence anything before they are scored.

Done by perturbation: held-out associations are erased from the data and unknown pairs made
associations, the training associations stay. Then every loss, weight, optimiser state and score
must stay the same, bit for bit, for every option, for both trainers and every baseline.

The second half of the file plants leaks, one channel each, and wants them found: a check that has
not been seen to fail proves nothing.
"""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import AfterValidator

from model.config import Config
from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.calibration import Calibration
from model.evaluation.ensemble import select
from model.evaluation.epoch_choice import choose_epoch
from model.evaluation.folds import Fold
from model.evaluation.fresh_splits import DevelopmentPart, development_part
from model.evaluation.protocols import (
    PROTOCOLS,
    case_study,
    development_folds,
    development_pairs,
    sealed_fold,
)
from model.evaluation.result import Evaluation
from model.network.autoencoder import Configuration
from model.network.gip import gip_kernels
from model.network.graph import VisibleGraph
from model.network.heads import propagation_gip
from model.network.heads.evidence import BatchedEvidence
from model.network.masks import undirected
from model.network.masks.interface import Mask
from model.table import NamesKind
from model.training import final as final_module
from model.training.batched.associations import DenseGraph, TrainingAssociations
from model.training.batched.features import BatchedFeatures
from model.training.cross_validation import CrossValidation
from model.training.final import FinalModel, final_model, final_probabilities, to_hand_out
from model.training.final_ensemble import calibrated
from tests.contracts.checks import check_nothing_leaks
from tests.contracts.edge_decoder import EdgeDecoderContract
from tests.contracts.encoder import EncoderContract
from tests.contracts.head import HeadContract
from tests.contracts.leaks import EPOCHS, Arrays, batched, flipped, masked_reach_the_encoder, same
from tests.contracts.mask import MaskContract
from tests.model.options import TABLES, VARIANTS, configuration

Curve = dict[int, float]

by_option = pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v)
)


@pytest.fixture
def fold(tiny: AssociationDataset) -> Fold:
    return development_folds(tiny, PROTOCOLS["honest"], seed=0)[0]


def test_every_named_option_is_covered() -> None:
    """A new feature cannot be forgotten here, nor a table that has no contract."""
    tables: dict[str, object] = {}

    def named(config: type[Config], prefix: str = "") -> Iterator[tuple[str, object]]:
        for name, field in config.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Config):
                yield from named(kind, f"{prefix}{name}.")
            for check in field.metadata:
                if isinstance(check, AfterValidator) and isinstance(check.func, NamesKind):
                    tables[prefix + name] = check.func.table
            for part in (kind, *typing.get_args(kind)):
                if typing.get_origin(part) is typing.Literal:
                    yield from ((prefix + name, value) for value in typing.get_args(part))

    covered = {(name, value) for variant in VARIANTS for name, value in variant}
    assert set(named(Configuration)) <= covered
    assert tables == TABLES
    contracts = (EncoderContract, EdgeDecoderContract, HeadContract, MaskContract)
    assert {contract.option for contract in contracts} == tables.keys()


@by_option
def test_nothing_reaches_training_that_must_not(variant: tuple[tuple[str, object], ...]) -> None:
    check_nothing_leaks(configuration(variant))


@pytest.mark.parametrize("name", [*PROTOCOLS, "case-study:sm-1"])
def test_under_every_protocol_a_fold_is_all_that_training_sees(
    name: str, tiny: AssociationDataset
) -> None:
    """Under each, and what a fold trains on is neither held out, ranked against nor sealed."""
    kind, _, node = name.partition(":")
    protocol = case_study(node) if node else PROTOCOLS[kind]
    folds = development_folds(tiny, protocol, seed=0)
    config = configuration(**{"features.associations": "gip", "head.type": "propagation"})
    assert same(
        list(batched(config, tiny, folds[0])),
        list(batched(config, flipped(tiny, folds[0]), folds[0])),
    )
    sealed = sealed_fold(tiny, protocol, 0).held_out if protocol.sealed_fraction else None
    for fold in folds:
        trained = set(map(tuple, (fold.train_pairs + [0, len(tiny.rows)]).tolist()))
        for pairs in (fold.held_out, fold.ranked_against, sealed):
            assert pairs is None or trained.isdisjoint(map(tuple, pairs.T.tolist()))


def test_sealed_associations_cannot_reach_the_final_model(tiny: AssociationDataset) -> None:
    """Nor its probabilities, once they are erased from the data as `confirm` and `tune` do."""
    honest = PROTOCOLS["honest"]
    pairs = development_pairs(tiny, honest, 0)
    config = configuration(**{"training.epochs": EPOCHS, "features.associations": "gip"})
    config = to_hand_out(config)
    raw = final_probabilities(config, tiny, pairs, seed=0)
    blind = without_sealed(tiny)
    assert np.array_equal(raw, final_probabilities(config, blind, pairs, seed=0))
    folds = development_folds(tiny, honest, 0)
    sealed = sealed_fold(tiny, honest, 0).held_out
    part = DevelopmentPart(blind, sealed.T - [0, len(tiny.rows)])
    probability = final_model(config, part, folds, pairs, seed=0).probability
    assert np.array_equal(np.argsort(probability, axis=None), np.argsort(raw, axis=None))


def calibrated_with_and_without(tiny: AssociationDataset) -> tuple[FinalModel, FinalModel]:
    """The final model with the list of sealed pairs, and without it."""
    honest = PROTOCOLS["honest"]
    part = development_part(tiny, honest, 0)
    folds, pairs = development_folds(tiny, honest, 0), development_pairs(tiny, honest, 0)
    config = configuration(**{"training.epochs": EPOCHS, "features.associations": "gip"})
    without = dataclasses.replace(part, never_ranked=part.never_ranked[:0])
    made = [final_model(config, one, folds, pairs, seed=0) for one in (part, without)]
    return made[0], made[1]


def same_but_for_the_calibration(one: FinalModel, other: FinalModel) -> bool:
    """Every weight, every optimiser state, and every score up to the calibration's two numbers."""
    return same_state(one, other) and bool(
        np.array_equal(
            np.argsort(one.probability, axis=None), np.argsort(other.probability, axis=None)
        )
    )


def same_state(one: FinalModel, other: FinalModel) -> bool:
    return one.state.keys() == other.state.keys() and all(
        torch.equal(value, other.state[name]) for name, value in one.state.items()
    )


def test_the_list_of_sealed_pairs_reaches_nothing_but_the_calibration(
    tiny: AssociationDataset,
) -> None:
    one, other = calibrated_with_and_without(tiny)
    assert same_but_for_the_calibration(one, other)
    assert one.calibration != other.calibration


def test_a_final_model_that_trains_on_the_list_of_sealed_pairs_is_found(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = final_module._trained

    def leaky(*arguments: Any, **named: Any) -> FinalModel:
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        sealed = frame.f_back.f_locals["part"].never_ranked
        config, similarities, unknown, calibration, pairs, seed = arguments
        return honest(config, similarities, unknown, calibration, np.r_[pairs, sealed], seed)

    monkeypatch.setattr(final_module, "_trained", leaky)
    assert not same_but_for_the_calibration(*calibrated_with_and_without(tiny))


def curve_of(config: Configuration, dataset: AssociationDataset, folds: Sequence[Fold]) -> Curve:
    """What the choice of the epoch reads: the development score after every epoch."""
    LEAKED["block"] = torch.tensor(dataset.associations, dtype=torch.float32).expand(2, -1, -1)
    validation = CrossValidation(config, dataset, folds, seed=0)
    curve = {}
    for epoch in range(1, 2 * EPOCHS + 1):
        validation.train(1)
        curve[epoch] = validation.evaluate().summary()["auc"]
    return curve


def without_sealed(dataset: AssociationDataset) -> AssociationDataset:
    """The data with the sealed associations erased, as if nobody had ever published them."""
    sealed = sealed_fold(dataset, PROTOCOLS["honest"], 0).held_out
    erased = dataset.associations.copy()
    erased[sealed[0], sealed[1] - len(dataset.rows)] = 0
    return dataclasses.replace(dataset, associations=erased)


def test_sealed_associations_cannot_reach_the_choice_of_the_epoch(tiny: AssociationDataset) -> None:
    """It reads scores of development folds alone."""
    folds = development_folds(tiny, PROTOCOLS["honest"], 0)
    config = configuration(**{"features.associations": "gip", "head.type": "propagation"})
    curves = [curve_of(config, dataset, folds) for dataset in (tiny, without_sealed(tiny))]
    assert curves[0] == curves[1]
    assert choose_epoch(curves[0]) == choose_epoch(curves[1]) is not None


def ensemble_of(
    dataset: AssociationDataset, folds: Sequence[Fold]
) -> tuple[list[np.ndarray], dict[str, int], Calibration]:
    """Out-of-fold scores of two models, the ensemble they choose, and its way to probabilities."""
    LEAKED["block"] = torch.tensor(dataset.associations, dtype=torch.float32).expand(2, -1, -1)
    library = {}
    for encoder in ("sage", "gcn"):
        config = configuration(**{"encoder.type": encoder, "features.associations": "gip"})
        validation = CrossValidation(config, dataset, folds, seed=0, keep_scores=True)
        validation.train(EPOCHS)
        validation.evaluate()
        library[encoder] = validation.out_of_fold()
    weights = select(library, folds, "auc")
    scores = [fold for of_folds in library.values() for fold in of_folds]
    return scores, weights, calibrated(library, weights, folds)


def same_ensemble(tiny: AssociationDataset) -> bool:
    """Whether the sealed associations change nothing of it."""
    folds = development_folds(tiny, PROTOCOLS["honest"], 0)
    one, other = (ensemble_of(dataset, folds) for dataset in (tiny, without_sealed(tiny)))
    scores = all(map(np.array_equal, one[0], other[0]))
    return scores and one[1:] == other[1:]


def test_sealed_associations_cannot_reach_an_ensemble(tiny: AssociationDataset) -> None:
    """Neither what it is chosen by, nor its members, nor its calibration."""
    assert same_ensemble(tiny)


# Planted leaks. `LEAKED` is the whole data, held-out associations included: what a leak knows.
LEAKED: dict[str, torch.Tensor] = {}


def leaking(config: Configuration, dataset: AssociationDataset, fold: Fold) -> Arrays:
    LEAKED["block"] = torch.tensor(dataset.associations, dtype=torch.float32).expand(2, -1, -1)
    return list(batched(config, dataset, fold))


def everything(graph: VisibleGraph | None) -> DenseGraph:
    return DenseGraph(LEAKED["block"].clone())


def plant_features(patch: pytest.MonkeyPatch) -> None:
    honest = BatchedFeatures.__call__
    patch.setattr(BatchedFeatures, "__call__", lambda self, shown: honest(self, everything(shown)))


def plant_evidence(patch: pytest.MonkeyPatch) -> None:
    honest = BatchedEvidence.__call__
    patch.setattr(BatchedEvidence, "__call__", lambda self, shown: honest(self, everything(shown)))


def plant_profiles(patch: pytest.MonkeyPatch) -> None:
    """The kernels are those of all associations, the numbers smoothed the visible ones."""
    whole = {12: lambda: LEAKED["block"], 6: lambda: LEAKED["block"].mT}
    patch.setattr(
        propagation_gip, "gip_kernels", lambda profiles: gip_kernels(whole[profiles.shape[1]]())
    )


def plant_visible_graph(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrainingAssociations, "visible", lambda self, shown: everything(None))


def plant_sampler(patch: pytest.MonkeyPatch) -> None:
    """Never draws a held-out association: it would be told which pairs those are."""
    patch.setattr(
        TrainingAssociations,
        "is_known",
        lambda self, code: LEAKED["block"].flatten(1).gather(1, code) > 0,
    )


def plant_in_masks(
    patch: pytest.MonkeyPatch, change: Callable[[Mask, TrainingAssociations], Mask]
) -> None:
    honest = undirected.mask_below
    patch.setattr(
        undirected, "mask_below", lambda known, *draw: change(honest(known, *draw), known)
    )


def plant_degrees(patch: pytest.MonkeyPatch) -> None:
    def masked(honest: Mask, associations: TrainingAssociations) -> Mask:
        degrees = torch.cat([LEAKED["block"].sum(dim=2), LEAKED["block"].sum(dim=1)], dim=1)
        return dataclasses.replace(honest, masked_degree=degrees)

    plant_in_masks(patch, masked)


def plant_normalisation(patch: pytest.MonkeyPatch) -> None:
    """Statistics of all associations scale what every model reads."""
    honest = Similarities.of.__func__

    def of(cls: type, dataset: AssociationDataset, device: str = "cpu") -> Similarities:
        found = honest(cls, dataset, device)
        scale = 1 + 1e-4 * float(dataset.associations.mean())
        return Similarities(found.row * scale, found.column)

    patch.setattr(Similarities, "of", classmethod(of))


def plant_in_the_curve(patch: pytest.MonkeyPatch) -> None:
    """Scores rise with the probabilities of all associations, the sealed ones among them."""
    honest = CrossValidation.evaluate

    def evaluate(self: CrossValidation) -> Evaluation:
        row, column = LEAKED["block"][0].nonzero(as_tuple=True)
        pairs = torch.stack([row, column + LEAKED["block"].shape[1]])
        seen = float(self.replicas.probabilities(0, pairs).mean())
        folds = honest(self).folds
        return Evaluation(tuple({**fold, "auc": fold["auc"] + seen} for fold in folds))

    patch.setattr(CrossValidation, "evaluate", evaluate)


PLANTED = {
    "features": (plant_features, {"features.associations": "gip"}),
    "evidence": (plant_evidence, {"head.type": "propagation"}),
    "profiles": (plant_profiles, {"head.type": "propagation-gip"}),
    "visible graph": (plant_visible_graph, {}),
    "sampled pairs": (plant_sampler, {}),
    "degrees": (plant_degrees, {}),
    "normalisation": (plant_normalisation, {}),
}


@pytest.mark.parametrize("channel", PLANTED)
def test_a_planted_leak_is_found(
    channel: str, tiny: AssociationDataset, fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, options = PLANTED[channel]
    config = configuration(**options)
    changed = flipped(tiny, fold)
    assert same(leaking(config, tiny, fold), leaking(config, changed, fold))
    plant(monkeypatch)
    assert not same(leaking(config, tiny, fold), leaking(config, changed, fold))


def test_a_planted_leak_into_the_choice_of_the_epoch_is_found(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds = development_folds(tiny, PROTOCOLS["honest"], 0)
    plant_in_the_curve(monkeypatch)
    curves = [curve_of(configuration(), dataset, folds) for dataset in (tiny, without_sealed(tiny))]
    assert curves[0] != curves[1]


def test_a_planted_leak_into_an_ensemble_is_found(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = CrossValidation.out_of_fold

    def leaky(self: CrossValidation) -> list[np.ndarray]:
        """The better the model knows the associations, sealed ones too, the higher its first."""
        first, *rest = honest(self)
        known = LEAKED["block"][0].nonzero().T
        pairs = known + torch.tensor([[0], [LEAKED["block"].shape[1]]])
        first[0] += float(self.replicas.probabilities(0, pairs).mean())
        return [first, *rest]

    monkeypatch.setattr(CrossValidation, "out_of_fold", leaky)
    assert not same_ensemble(tiny)


def test_a_planted_leak_through_masking_is_found(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A masked association whose reverse stays visible."""

    def masked(honest: Mask, associations: TrainingAssociations) -> Mask:
        return dataclasses.replace(honest, visible=associations.all_visible)

    assert not masked_reach_the_encoder(configuration(), tiny)
    plant_in_masks(monkeypatch, masked)
    assert masked_reach_the_encoder(configuration(), tiny)
