"""Features and the head's evidence: their formulas; that they follow visible associations."""

import numpy as np
import pytest
import torch
from torch_geometric.utils import to_undirected

from model.data.datasets import AssociationDataset
from model.data.similarities import Similarities
from model.errors import InputError
from model.network.features import FeatureConfig, NodeFeatures
from model.network.heads.evidence import Evidence, evidence_rows
from model.network.heads.interface import HeadOptions
from model.network.heads.propagation import PROPAGATION

NONE = torch.empty((2, 0), dtype=torch.long)


def edges(dataset: AssociationDataset) -> torch.Tensor:
    pairs = torch.tensor(dataset.association_pairs.T) + torch.tensor([[0], [12]])
    return to_undirected(pairs)


def test_features_are_similarity_rows_padded_with_zeros(tiny: AssociationDataset) -> None:
    features = NodeFeatures(FeatureConfig(dim=20), Similarities.of(tiny))(NONE).numpy()
    assert features.shape == (18, 20)
    assert np.allclose(features[3, :12], tiny.row_similarity[3])
    assert np.allclose(features[14, :6], tiny.column_similarity[2])
    assert not features[:, 12:].any()
    assert not features[12:, 6:].any()


def test_a_width_below_the_larger_side_is_refused(tiny: AssociationDataset) -> None:
    with pytest.raises(InputError, match="5 is narrower than the 12"):
        NodeFeatures(FeatureConfig(dim=5), Similarities.of(tiny))


def test_transforms_work_on_each_side_alone(tiny: AssociationDataset) -> None:
    similarities = Similarities.of(tiny)
    centred = NodeFeatures(FeatureConfig(transform="centred"), similarities)(NONE)
    assert torch.allclose(centred[:12].mean(dim=0), torch.zeros(12), atol=1e-6)
    assert torch.allclose(centred[12:].mean(dim=0), torch.zeros(12), atol=1e-6)
    unit = NodeFeatures(FeatureConfig(transform="l2"), similarities)(NONE)
    assert torch.allclose(unit.norm(dim=1), torch.ones(18))


def test_gip_features_follow_the_visible_associations(tiny: AssociationDataset) -> None:
    config = FeatureConfig(associations="gip")
    features = NodeFeatures(config, Similarities.of(tiny))
    visible = edges(tiny)
    rows = features(visible).numpy()
    assert rows.shape == (18, features.width) == (18, 24)
    a_MS = tiny.associations.astype(float)
    mean = (a_MS**2).sum(axis=1).mean()
    expected = np.exp(-((a_MS[2] - a_MS[7]) ** 2).sum() / mean)
    assert rows[2, 12 + 7] == pytest.approx(expected, abs=1e-6)
    b_SM = a_MS.T
    expected = np.exp(-((b_SM[1] - b_SM[4]) ** 2).sum() / (b_SM**2).sum(axis=1).mean())
    assert rows[12 + 1, 12 + 4] == pytest.approx(expected, abs=1e-6)
    hidden = features(visible[:, visible.min(dim=0).values != 2])
    assert not np.allclose(hidden[2].numpy(), rows[2])
    assert np.allclose(features(NONE)[:12, 12:].numpy(), 1)


def test_evidence_is_nine_formulas_standardised_over_unknown_pairs(
    tiny: AssociationDataset,
) -> None:
    """Each number against numpy, written out pair by pair."""
    a_MS = tiny.associations.astype(float)
    k_M, k_S = tiny.row_similarity, tiny.column_similarity

    def ridge(kernel: np.ndarray, strength: float) -> np.ndarray:
        values, vectors = np.linalg.eigh(kernel)
        kernel = (vectors * np.maximum(values, 0)) @ vectors.T
        return kernel @ np.linalg.inv(kernel + strength * np.eye(len(kernel)))

    def smoothed(kernel: np.ndarray, profiles: np.ndarray, node: int) -> np.ndarray:
        others = [other for other in range(len(kernel)) if other != node]
        weights = kernel[node, others] ** 4
        return weights @ profiles[others] / weights.sum()

    def collaborative(profiles: np.ndarray, node: int) -> np.ndarray:
        total = np.zeros(profiles.shape[1])
        for other in range(len(profiles)):
            norms = np.linalg.norm(profiles[node]) * np.linalg.norm(profiles[other])
            if other != node and norms:
                total += profiles[node] @ profiles[other] / norms * profiles[other]
        return total

    numbers = np.zeros((12, 6, 9))
    numbers[..., 0] = ridge(k_M, 1) @ a_MS
    numbers[..., 1] = ridge(k_M, 5) @ a_MS
    numbers[..., 2] = a_MS @ ridge(k_S, 0.3)
    for i in range(12):
        numbers[i, :, 3] = smoothed(k_M, a_MS, i)
        numbers[i, :, 5] = collaborative(a_MS, i)
        numbers[i, :, 7] = np.log1p(a_MS[i].sum())
    for j in range(6):
        numbers[:, j, 4] = smoothed(k_S, a_MS.T, j)
        numbers[:, j, 6] = collaborative(a_MS.T, j)
        numbers[:, j, 8] = np.log1p(a_MS[:, j].sum())
    unknown = numbers[a_MS == 0]
    expected = (numbers - unknown.mean(axis=0)) / unknown.std(axis=0)
    evidence = Evidence(PROPAGATION, Similarities.of(tiny), HeadOptions())(edges(tiny)).numpy()
    assert np.allclose(evidence[:-1].reshape(12, 6, 9), expected, atol=1e-3)
    assert np.allclose(evidence[-1], -unknown.mean(axis=0) / unknown.std(axis=0), atol=1e-3)


def test_a_pair_has_its_row_of_the_evidence() -> None:
    """Two real pairs of 3 miRNAs and 2 small molecules, then two nodes of each side."""
    first, second = torch.tensor([[0, 2, 0, 3], [3, 4, 1, 4]])
    assert evidence_rows(first, second, (3, 2)).tolist() == [0, 5, 6, 6]


def test_the_head_is_a_linear_map_plus_a_small_network() -> None:
    torch.manual_seed(0)
    head = PROPAGATION.plain(16)
    numbers = torch.randn(7, 9)
    expected = head.linear(numbers) + head.out(torch.nn.functional.elu(head.hidden(numbers)))
    assert torch.allclose(head(numbers), expected[:, 0], atol=1e-6)
