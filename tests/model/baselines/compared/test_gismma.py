"""GISMMA: its 28 graphlets against all graphs on four nodes, its weights against least squares."""

import itertools

import numpy as np

from model.baselines.compared import gismma as module
from model.baselines.inner_cv import training_matrix
from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds


def connected(n: int, edges: frozenset[tuple[int, int]]) -> bool:
    reached = {0}
    for _ in range(n):
        reached |= {b for a, b in edges if a in reached} | {a for a, b in edges if b in reached}
    return len(reached) == n


def graphs(n: int) -> list[set[frozenset[tuple[int, int]]]]:
    """Connected graphs on 0 (i), 1 (j), 2, ...; those that differ by the others' names are one."""
    pairs = list(itertools.combinations(range(n), 2))
    kinds: dict[frozenset[frozenset[tuple[int, int]]], set[frozenset[tuple[int, int]]]] = {}
    for bits in itertools.product((0, 1), repeat=len(pairs)):
        edges = frozenset(pair for pair, bit in zip(pairs, bits, strict=True) if bit)
        if connected(n, edges):
            renamed = set()
            for order in itertools.permutations(range(2, n)):
                name = (0, 1, *order)
                renamed.add(frozenset(tuple(sorted((name[a], name[b]))) for a, b in edges))
            kinds[frozenset(renamed)] = renamed
    return list(kinds.values())


def counted(similarity: np.ndarray, n: int, kind: set[frozenset[tuple[int, int]]]) -> np.ndarray:
    """N(i, j) of a graph, one choice of the other nodes after the other."""
    size = len(similarity)
    counts = np.zeros((size, size))
    edges = next(iter(kind))
    for nodes in itertools.permutations(range(size), n):
        weight = 1.0
        for a, b in itertools.combinations(range(n), 2):
            s = similarity[nodes[a], nodes[b]]
            weight *= s if (a, b) in edges else 1 - s
        counts[nodes[0], nodes[1]] += weight
    return counts


def test_the_graphlets_are_all_connected_graphs_of_two_to_four_nodes() -> None:
    values = np.random.default_rng(0).random((6, 6))
    similarity = (values + values.T) / 2
    np.fill_diagonal(similarity, 0.8)
    expected = []
    for n in (2, 3, 4):
        for kind in graphs(n):
            counts = counted(similarity, n, kind)
            expected.append(counts / counts.sum(axis=1, keepdims=True))
    found = module.graphlet_interactions(similarity)
    assert found.shape == (28, 6, 6)
    assert len(expected) == 28
    unmatched = list(expected)
    for one in found:  # in another order
        places = [place for place, other in enumerate(unmatched) if np.allclose(one, other)]
        assert len(places) == 1
        unmatched.pop(places[0])


def test_a_side_fits_one_to_known_pairs_of_columns_with_two(tiny: AssociationDataset) -> None:
    a = training_matrix(tiny, development_folds(tiny, HONEST, seed=0)[0].train_pairs)
    a[:, 5] = 0
    a[1, 5] = 1  # has one association: scored, but nothing is learnt from it
    shares = module.graphlet_interactions(tiny.row_similarity)
    x = np.zeros((28, *a.shape))
    for s, j in np.ndindex(a.shape[1], len(a)):
        x[:, j, s] = sum(shares[:, m, j] for m in np.flatnonzero(a[:, s]) if m != j)
    known = [(j, s) for j, s in np.argwhere(a) if a[:, s].sum() >= 2]
    features = np.array([x[:, j, s] for j, s in known])
    assert 5 not in {s for _, s in known}
    scores = module._side(tiny.row_similarity, a)
    # As close to 1 as any weights come; the weights themselves are not unique.
    best = np.linalg.lstsq(features, np.ones(len(known)), rcond=None)[0]
    found = np.array([scores[j, s] for j, s in known])
    assert np.abs(found - features @ best).max() < 0.05
    assert np.array_equal(module._side(tiny.row_similarity, 0 * a), 0 * a)
