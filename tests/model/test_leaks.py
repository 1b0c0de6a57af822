"""The leak suite: held-out associations cannot influence anything before they are scored.

Done by perturbation: held-out associations are erased from the data and unknown pairs made
associations, the training associations stay. Then every loss, weight, optimiser state and score
must stay the same, bit for bit, for every option, for both trainers and every baseline.

The second half of the file plants leaks, one channel each, and wants them found: a check that has
not been seen to fail proves nothing.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from pydantic import AfterValidator

from model.config import Config
from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.folds import Fold
from model.evaluation.protocols import (
    PROTOCOLS,
    case_study,
    development_folds,
    development_pairs,
    sealed_fold,
)
from model.network.autoencoder import Configuration
from model.network.graph import VisibleGraph
from model.network.heads.evidence import BatchedEvidence
from model.network.masks import undirected
from model.network.masks.interface import Mask
from model.table import NamesKind
from model.training.batched.associations import DenseGraph, TrainingAssociations
from model.training.batched.features import BatchedFeatures
from model.training.final import final_model, final_probabilities
from tests.contracts.checks import check_nothing_leaks
from tests.contracts.edge_decoder import EdgeDecoderContract
from tests.contracts.encoder import EncoderContract
from tests.contracts.head import HeadContract
from tests.contracts.leaks import EPOCHS, Arrays, batched, flipped, masked_reach_the_encoder, same
from tests.contracts.mask import MaskContract
from tests.model.options import TABLES, VARIANTS, configuration

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
        trained = set(map(tuple, (fold.train_pairs + [0, len(tiny.mirnas)]).tolist()))
        for pairs in (fold.held_out, fold.ranked_against, sealed):
            assert pairs is None or trained.isdisjoint(map(tuple, pairs.T.tolist()))


def test_sealed_associations_cannot_reach_the_final_model(tiny: AssociationDataset) -> None:
    """Nor its probabilities, once they are erased from the data as `confirm` and `tune` do."""
    honest = PROTOCOLS["honest"]
    pairs = development_pairs(tiny, honest, 0)
    sealed = sealed_fold(tiny, honest, 0).held_out
    config = configuration(**{"training.epochs": EPOCHS, "features.associations": "gip"})
    raw = final_probabilities(config, tiny, pairs, seed=0)
    erased = tiny.associations.copy()
    erased[sealed[0], sealed[1] - len(tiny.mirnas)] = 0
    blind = dataclasses.replace(tiny, associations=erased)
    assert np.array_equal(raw, final_probabilities(config, blind, pairs, seed=0))
    folds = development_folds(tiny, honest, 0)
    probability = final_model(config, blind, folds, pairs, seed=0).probability
    assert np.array_equal(np.argsort(probability, axis=None), np.argsort(raw, axis=None))


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
        return Similarities(found.mirna * scale, found.small_molecule)

    patch.setattr(Similarities, "of", classmethod(of))


PLANTED = {
    "features": (plant_features, {"features.associations": "gip"}),
    "evidence": (plant_evidence, {"head.type": "propagation"}),
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


def test_a_planted_leak_through_masking_is_found(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A masked association whose reverse stays visible."""

    def masked(honest: Mask, associations: TrainingAssociations) -> Mask:
        return dataclasses.replace(honest, visible=associations.all_visible)

    assert not masked_reach_the_encoder(configuration(), tiny)
    plant_in_masks(monkeypatch, masked)
    assert masked_reach_the_encoder(configuration(), tiny)
