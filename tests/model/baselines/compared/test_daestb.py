"""DAESTB: its pairs, its layers, what its autoencoder learns, and what its trees are fitted to."""

import dataclasses

import numpy as np
import pytest
import torch

from model.baselines.compared import daestb as module
from model.data.datasets import AssociationDataset


@pytest.mark.parametrize(
    ("features", "widths"), [(1372, (512, 256, 128)), (325, (250, 200, 128)), (18, (250, 200, 128))]
)
def test_layers_are_the_published_ones(features: int, widths: tuple[int, ...]) -> None:
    networks = module._networks(features, torch.Generator())
    down, up = (
        [layer.out_features for layer in network if isinstance(layer, torch.nn.Linear)]
        for network in networks
    )
    assert tuple(down) == widths
    assert up == [*widths[1::-1], features]


def test_a_pair_is_its_column_then_its_row(tiny: AssociationDataset) -> None:
    pairs = module._Pairs(tiny.row_similarity, tiny.column_similarity)
    assert (pairs.count, pairs.n_features) == (72, 18)
    (found,) = pairs.features(torch.tensor([7 * 6 + 4])).numpy()
    assert np.allclose(found[:6], tiny.column_similarity[4])
    assert np.allclose(found[6:], tiny.row_similarity[7])


def test_codes_tell_what_the_features_were(tiny: AssociationDataset) -> None:
    """A linear map of the codes gives the similarities back, better than their mean does."""
    codes = module.pair_codes(tiny.row_similarity, tiny.column_similarity)
    assert codes.shape == (72, 128)
    pairs = module._Pairs(tiny.row_similarity, tiny.column_similarity)
    features = pairs.features(torch.arange(72)).numpy()
    left = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)[0]
    basis = left[:, :10]
    centred = features - features.mean(axis=0)
    rest = centred - basis @ (basis.T @ centred)
    assert (rest**2).sum() < 0.2 * (centred**2).sum()


def test_codes_are_made_once_for_all_folds(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = module.pair_codes(tiny.row_similarity, tiny.column_similarity)
    fewer = dataclasses.replace(tiny, associations=np.eye(12, 6, dtype=np.uint8))
    monkeypatch.setattr(module, "_networks", None)  # nothing is trained again
    assert module.pair_codes(fewer.row_similarity, fewer.column_similarity) is codes


def test_trees_tell_known_pairs_from_unknown_ones_without_weights() -> None:
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((2000, 5)).astype(np.float32)
    labels = (codes[:, 0] > 1.5).astype(float)
    model = module.fitted(codes, labels)
    assert model.n_iter_ == 100
    chances = model.predict_proba(codes)[:, 1]
    assert chances.mean() == pytest.approx(labels.mean(), abs=0.01)  # weights would lift them
    assert ((chances > 0.5) == labels).all()


def test_a_fold_of_the_authors_is_every_fifth_pair_and_not_trained_on(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    class Model:
        def decision_function(self, codes: np.ndarray) -> np.ndarray:
            return codes[:, 0]

    def fitted(codes: np.ndarray, labels: np.ndarray) -> Model:
        trained.append((codes[:, 0].tolist(), labels.tolist()))
        return Model()

    numbers = np.arange(72.0)[:, None]
    monkeypatch.setattr(module, "pair_codes", lambda *_: numbers)
    monkeypatch.setattr(module, "fitted", fitted)
    labels = tiny.associations.ravel()
    for k, (scores, known) in enumerate(module.own_fold_scores(tiny, 0)):
        assert scores.tolist() == list(range(k, 72, 5))
        assert known.tolist() == labels[k::5].tolist()
        others = [p for p in range(72) if p % 5 != k]
        assert trained[k] == (others, labels[others].tolist())


def test_a_seed_is_the_autoencoders(
    tiny: AssociationDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EPOCHS", 0)
    one, other = (
        module.pair_codes(tiny.row_similarity, tiny.column_similarity, seed) for seed in (7, 8)
    )
    assert not np.allclose(one, other)
