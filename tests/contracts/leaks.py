"""Whether held-out or masked associations reach what must not know them, found by perturbation."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.evaluation.folds import Fold
from model.evaluation.protocols import PROTOCOLS, development_folds
from model.network.autoencoder import Configuration
from model.network.graph import VisibleGraph
from model.training.batched.trainer import BatchedTrainer
from model.training.plain import Trainer

EPOCHS = 3
Arrays = list[np.ndarray]
Train = Callable[[Configuration, AssociationDataset, Fold], Iterator[np.ndarray]]


def flipped(dataset: AssociationDataset, fold: Fold) -> AssociationDataset:
    """The held-out associations erased, and every other pair that is not trained on flipped."""
    changed = 1 - dataset.associations
    changed[fold.held_out[0], fold.held_out[1] - len(dataset.rows)] = 0
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
    yield trainer.probabilities(slice(0, 2), every_pair(dataset)).numpy()


def every_pair(dataset: AssociationDataset) -> np.ndarray:
    return np.stack(np.triu_indices(sum(dataset.associations.shape), 1))


def same(one: Arrays, other: Arrays) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True)
    )


def held_out_reach_training(config: Configuration, dataset: AssociationDataset) -> bool:
    """Whether any loss, weight, optimiser state or score of a trainer depends on them."""
    fold = development_folds(dataset, PROTOCOLS["honest"], seed=0)[0]
    changed = flipped(dataset, fold)
    assert (changed.associations != dataset.associations).sum() > 20
    trains: tuple[Train, ...] = (plain, batched)
    return not all(
        same(list(train(config, dataset, fold)), list(train(config, changed, fold)))
        for train in trains
    )


def encoder_inputs(trainer: BatchedTrainer, shown: VisibleGraph) -> Arrays:
    features = trainer.features(shown)
    blocks = [*features.row.blocks, *features.column.blocks]
    evidence = [trainer.evidence(shown)] if trainer.evidence else []
    return [tensor.numpy() for tensor in (shown.block, *(b.values for b in blocks), *evidence)]


def masked_reach_the_encoder(config: Configuration, dataset: AssociationDataset) -> bool:
    """Whether an epoch's inputs differ from those of a network without its masked associations."""
    pairs = dataset.association_pairs
    trainer = BatchedTrainer(config, Similarities.of(dataset), [pairs], [0])
    mask = trainer.draw_mask(torch.Generator().manual_seed(0))
    used = mask.weight[0] > 0
    masked = set(zip(mask.first[0, used].tolist(), mask.second[0, used].tolist(), strict=True))
    assert masked
    rest = [(i, j) for i, j in pairs.tolist() if (i, j + len(dataset.rows)) not in masked]
    left = np.array(rest, dtype=np.int64).reshape(-1, 2)
    without = BatchedTrainer(config, Similarities.of(dataset), [left], [0])
    return not same(
        encoder_inputs(trainer, mask.visible),
        encoder_inputs(without, without.associations.all_visible),
    )
