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
from model.training.batched import graph as batched_graph
from model.training.batched.evidence import BatchedPropagation
from model.training.batched.features import BatchedFeatures
from model.training.batched.graph import TrainingGraph, VisibleGraph
from model.training.batched.trainer import BatchedTrainer
from model.training.final import final_model, final_probabilities
from model.training.plain import Trainer
from tests.model.options import VARIANTS, configuration

EPOCHS = 3
Arrays = list[np.ndarray]
by_option = pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v)
)


def flipped(dataset: AssociationDataset, fold: Fold) -> AssociationDataset:
    """The held-out associations erased, and every other pair that is not trained on flipped."""
    changed = 1 - dataset.associations
    changed[fold.held_out[0], fold.held_out[1] - len(dataset.mirnas)] = 0
    changed[tuple(fold.train_pairs.T)] = 1
    return dataclasses.replace(dataset, associations=changed)


def plain(config: Configuration, dataset: AssociationDataset, fold: Fold) -> Iterator[np.ndarray]:
    """All that the plain trainer computes before anything is scored, and its scores."""
    trainer = Trainer(config, Similarities.of(dataset), fold.train_pairs, seed=0)
    for _ in range(EPOCHS):
        yield trainer.train_epoch().numpy()
    for tensor in trainer.state().values():
        yield tensor.detach().numpy().copy()
    yield trainer.probabilities(every_pair(dataset))


def batched(config: Configuration, dataset: AssociationDataset, fold: Fold) -> Iterator[np.ndarray]:
    """The same of the batched trainer, with two replicas."""
    pairs = [fold.train_pairs, fold.train_pairs[1:]]
    trainer = BatchedTrainer(config, Similarities.of(dataset), pairs, [0, 1])
    for _ in range(EPOCHS):
        yield trainer.train_epoch().numpy()
    for tensor in trainer.state().values():
        yield tensor.numpy().copy()
    yield trainer.probabilities(slice(0, 2), every_pair(dataset))


def every_pair(dataset: AssociationDataset) -> np.ndarray:
    return np.stack(np.triu_indices(sum(dataset.associations.shape), 1))


def same(one: Arrays, other: Arrays) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True)
    )


@pytest.fixture
def fold(tiny: AssociationDataset) -> Fold:
    return development_folds(tiny, PROTOCOLS["honest"], seed=0)[0]


def test_every_named_option_is_covered() -> None:
    """A new encoder, head, mask or feature cannot be forgotten here."""

    def named(config: type[Config], prefix: str = "") -> Iterator[tuple[str, object]]:
        for name, field in config.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, Config):
                yield from named(kind, f"{prefix}{name}.")
            for part in (kind, *typing.get_args(kind)):
                if typing.get_origin(part) is typing.Literal:
                    yield from ((prefix + name, value) for value in typing.get_args(part))

    covered = {(name, value) for variant in VARIANTS for name, value in variant}
    assert set(named(Configuration)) <= covered


@pytest.mark.parametrize("train", [plain, batched])
@by_option
def test_held_out_associations_cannot_reach_training(
    variant: tuple[tuple[str, object], ...],
    train: Callable[..., Iterator[np.ndarray]],
    tiny: AssociationDataset,
    fold: Fold,
) -> None:
    config = configuration(variant)
    changed = flipped(tiny, fold)
    assert (changed.associations != tiny.associations).sum() > 20
    assert same(list(train(config, tiny, fold)), list(train(config, changed, fold)))


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


def encoder_inputs(trainer: BatchedTrainer, shown: VisibleGraph) -> Arrays:
    features = [block.values for side in trainer.features(shown) for block in side.blocks]
    evidence = [trainer.propagation(shown)] if trainer.propagation else []
    return [tensor.numpy() for tensor in (shown.block, *features, *evidence)]


def masked_reach_the_encoder(config: Configuration, dataset: AssociationDataset) -> bool:
    """Whether an epoch's inputs differ from those of a network without its masked associations."""
    pairs = dataset.association_pairs
    trainer = BatchedTrainer(config, Similarities.of(dataset), [pairs], [0])
    mask = trainer.graph.draw(torch.Generator().manual_seed(0))
    used = mask.weight[0] > 0
    masked = set(zip(mask.first[0, used].tolist(), mask.second[0, used].tolist(), strict=True))
    assert masked
    rest = [(i, j) for i, j in pairs.tolist() if (i, j + len(dataset.mirnas)) not in masked]
    without = BatchedTrainer(config, Similarities.of(dataset), [np.array(rest)], [0])
    return not same(
        encoder_inputs(trainer, mask.visible), encoder_inputs(without, without.graph.all_visible)
    )


@by_option
def test_masked_associations_cannot_reach_the_encoder(
    variant: tuple[tuple[str, object], ...], tiny: AssociationDataset
) -> None:
    """But where that is the option, the published masking of each direction."""
    config = configuration(variant, **{"mask.rate": 0.3})
    if config.mask.scheme == "none":
        pytest.skip("the ablation without masking shows the encoder everything, by definition")
    assert masked_reach_the_encoder(config, tiny) == (config.mask.scheme == "per_direction")


# Planted leaks. `LEAKED` is the whole data, held-out associations included: what a leak knows.
LEAKED: dict[str, torch.Tensor] = {}


def leaking(config: Configuration, dataset: AssociationDataset, fold: Fold) -> Arrays:
    LEAKED["block"] = torch.tensor(dataset.associations, dtype=torch.float32).expand(2, -1, -1)
    return list(batched(config, dataset, fold))


def everything(graph: VisibleGraph) -> VisibleGraph:
    return VisibleGraph(LEAKED["block"].clone())


def plant_features(patch: pytest.MonkeyPatch) -> None:
    honest = BatchedFeatures.__call__
    patch.setattr(BatchedFeatures, "__call__", lambda self, shown: honest(self, everything(shown)))


def plant_evidence(patch: pytest.MonkeyPatch) -> None:
    honest = BatchedPropagation.__call__
    patch.setattr(
        BatchedPropagation, "__call__", lambda self, shown: honest(self, everything(shown))
    )


def plant_visible_graph(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(TrainingGraph, "visible", lambda self, shown: everything(None))


def plant_sampler(patch: pytest.MonkeyPatch) -> None:
    """Never draws a held-out association: it would be told which pairs those are."""
    patch.setattr(
        TrainingGraph, "is_known", lambda self, code: LEAKED["block"].flatten(1).gather(1, code) > 0
    )


def plant_degrees(patch: pytest.MonkeyPatch) -> None:
    honest = TrainingGraph.masked

    def masked(self: TrainingGraph, *draws: torch.Tensor) -> batched_graph.Mask:
        degrees = torch.cat([LEAKED["block"].sum(dim=2), LEAKED["block"].sum(dim=1)], dim=1)
        return dataclasses.replace(honest(self, *draws), masked_degree=degrees)

    patch.setattr(TrainingGraph, "masked", masked)


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
    honest = TrainingGraph.masked

    def masked(self: TrainingGraph, *draws: torch.Tensor) -> batched_graph.Mask:
        return dataclasses.replace(honest(self, *draws), visible=self.all_visible)

    assert not masked_reach_the_encoder(configuration(), tiny)
    monkeypatch.setattr(TrainingGraph, "masked", masked)
    assert masked_reach_the_encoder(configuration(), tiny)
