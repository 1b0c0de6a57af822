"""Training: it learns, repeats, resumes exactly, and held-out associations cannot reach it."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from model.training.batched.trainer import BatchedTrainer
from model.training.cross_validation import CrossValidation, fold_seed
from model.training.final import final_probabilities
from model.training.plain import Trainer
from model.training.replicas import CHECKPOINT
from tests.model.options import VARIANTS, configuration


def trainer(dataset: AssociationDataset, config: Configuration, seed: int = 0) -> Trainer:
    return Trainer(config, Similarities.of(dataset), dataset.association_pairs, seed=seed)


def weights(trained: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trained.model.parameters()])


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(str(x) for _, x in v))
def test_every_option_learns_its_training_associations(
    variant: tuple[tuple[str, object], ...], tiny: AssociationDataset
) -> None:
    config = configuration(
        variant, **{"training.learning_rate": 0.01, "encoder.dropout": 0, "edge_decoder.dropout": 0}
    )
    model = trainer(tiny, config)
    pairs = np.stack([np.indices((12, 6))[0].ravel(), np.indices((12, 6))[1].ravel() + 12])
    known = tiny.associations.ravel() == 1

    def margin() -> float:
        scores = model.probabilities(pairs)
        return float(scores[known].mean() - scores[~known].mean())

    before = margin()
    for _ in range(60):
        model.train_epoch()
    assert margin() > before + 0.05


@pytest.mark.parametrize("variant", VARIANTS[:4], ids=str)
def test_the_same_seed_repeats_and_another_does_not(
    variant: tuple[tuple[str, object], ...], tiny: AssociationDataset
) -> None:
    runs = []
    for seed in (5, 5, 6):
        model = trainer(tiny, configuration(variant), seed=seed)
        for _ in range(3):
            model.train_epoch()
        torch.rand(7)  # the world outside draws too, and must not matter
        runs.append(weights(model))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_a_resumed_run_is_bit_for_bit_the_undisturbed_one(
    tiny: AssociationDataset, tmp_path: object
) -> None:
    folds = development_folds(tiny, HONEST, seed=0)
    config = configuration()
    undisturbed = CrossValidation(config, tiny, folds, seed=1)
    undisturbed.train(7)
    first = CrossValidation(config, tiny, folds, seed=1)
    first.train(4)
    first.save(tmp_path)
    second = CrossValidation(config, tiny, folds, seed=1)
    second.load(tmp_path)
    assert second.epoch == 4
    second.train(3)
    state, expected = second.replicas.trainer.state(), undisturbed.replicas.trainer.state()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    assert second.evaluate() == undisturbed.evaluate()


def test_a_checkpoint_of_another_configuration_is_refused(
    tiny: AssociationDataset, tmp_path: object
) -> None:
    folds = development_folds(tiny, HONEST, seed=0)
    CrossValidation(configuration(), tiny, folds, seed=1).save(tmp_path)
    other = CrossValidation(configuration(**{"mask.rate": 0.5}), tiny, folds, seed=1)
    with pytest.raises(ValueError, match="another configuration"):
        other.load(tmp_path)


def test_a_checkpoint_does_not_depend_on_how_many_epochs_were_to_come(
    tiny: AssociationDataset, tmp_path: object
) -> None:
    folds = development_folds(tiny, HONEST, seed=0)
    first = CrossValidation(configuration(), tiny, folds, seed=1)
    first.train(3)
    first.save(tmp_path)
    second = CrossValidation(configuration(**{"training.epochs": 2}), tiny, folds, seed=1)
    second.load(tmp_path)
    assert second.epoch == 3
    assert second.evaluate() == first.evaluate()


def test_a_checkpoint_from_before_a_setting_existed_goes_on(
    tiny: AssociationDataset, tmp_path: Path
) -> None:
    folds = development_folds(tiny, HONEST, seed=0)
    first = CrossValidation(configuration(), tiny, folds, seed=1)
    first.train(2)
    older = {name: value for name, value in first.config.dotted().items() if name != "head.ridge"}
    state = first.replicas.trainer.state()
    metadata = {"epoch": "2", "config": json.dumps(older)}
    save_file(state, tmp_path / CHECKPOINT, metadata=metadata)
    second = CrossValidation(configuration(), tiny, folds, seed=1)
    second.load(tmp_path)
    assert second.evaluate() == first.evaluate()


def test_an_ensemble_averages_models_of_different_seeds(
    tiny: AssociationDataset, tmp_path: object
) -> None:
    folds = development_folds(tiny, HONEST, seed=0)
    validation = CrossValidation(configuration(**{"training.seeds": 3}), tiny, folds, seed=1)
    validation.train(3)
    pairs = folds[1].ranked_against
    members = validation.replicas.trainer.probabilities(slice(3, 6), pairs)
    assert not np.allclose(members[0], members[1])
    assert not np.allclose(members[1], members[2])
    assert np.allclose(validation.replicas.probabilities(1, pairs), sum(members) / 3)
    validation.save(tmp_path)
    resumed = CrossValidation(configuration(**{"training.seeds": 3}), tiny, folds, seed=1)
    resumed.load(tmp_path)
    assert resumed.evaluate() == validation.evaluate()


def test_folds_differ_in_their_seeds() -> None:
    seeds = {fold_seed(seed, fold) for seed, fold in itertools.product(range(4), range(5))}
    assert len(seeds) == 20


def test_a_good_configuration_beats_a_bad_one_on_the_demo_data() -> None:
    """One layer that sees the associations against one whose input is nearly all dropped."""
    dataset = demo()
    folds = development_folds(dataset, HONEST, seed=0)[:2]
    good = {
        "encoder.type": "gcn",
        "encoder.layers": 1,
        "encoder.norm": "none",
        "encoder.dropout": 0.3,
        "edge_decoder.dropout": 0.3,
        "training.learning_rate": 0.005,
        "mask.rate": 0.2,
    }
    bad = {**good, "encoder.dropout": 0.95, "mask.scheme": "per_direction", "mask.rate": 0.9}
    aucs = {}
    for name, values in (("good", good), ("bad", bad)):
        validation = CrossValidation(Configuration.from_dotted(values), dataset, folds, seed=0)
        validation.train(60)
        aucs[name] = validation.evaluate().summary()["auc"]
    assert aucs["good"] > 0.78
    assert aucs["good"] > aucs["bad"] + 0.05


def test_final_probabilities_score_every_pair(tiny: AssociationDataset) -> None:
    config = configuration(**{"training.epochs": 3})
    scores = final_probabilities(config, tiny, tiny.association_pairs, seed=4)
    model = BatchedTrainer(config, Similarities.of(tiny), [tiny.association_pairs], [4])
    for _ in range(3):
        model.train_epoch()
    expected = model.probabilities(slice(0, 1), np.array([[7], [14]]))[0, 0].item()
    assert scores.shape == (12, 6)
    assert scores[7, 2] == pytest.approx(expected, abs=1e-7)
