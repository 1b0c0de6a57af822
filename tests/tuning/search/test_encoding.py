"""Points as numbers: there and back, near and far."""

import math

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search_spaces.distributions import distributions
from search_spaces.loading import load_space
from search_spaces.sampling import sample_points
from tuning.search.encoding import Encoding

SPACE: dict[str, BaseDistribution] = {
    "kind": CategoricalDistribution([1, 3, "all"]),
    "rate": FloatDistribution(0.1, 0.6),
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
    "layers": IntDistribution(1, 3),
    "epochs": IntDistribution(60, 300, step=20),
    "width": IntDistribution(8, 512, log=True),
}


def test_points_come_back() -> None:
    space = load_space("full")
    for point in sample_points(space, 20, seed=0):
        encoding = Encoding(distributions(space, point))
        again = encoding.point(encoding.rows([point])[0])
        for name, value in point.items():
            assert type(again[name]) is type(value)
            if isinstance(value, float):
                assert math.isclose(again[name], value, rel_tol=1e-9)
            else:
                assert again[name] == value


def test_random_and_near_points_are_in_the_space_and_reach_all_of_it() -> None:
    encoding, rng = Encoding(SPACE), np.random.default_rng(0)
    rows = encoding.random(600, rng)
    points = [encoding.point(row) for row in [*rows, *encoding.near(rows[:5], 200, rng)]]
    for name, distribution in SPACE.items():
        values = [point[name] for point in points]
        assert all(distribution._contains(distribution.to_internal_repr(v)) for v in values)
    for name, count in (("kind", 3), ("layers", 3), ("epochs", 13)):
        seen = [point[name] for point in points[:600]]
        shares = [seen.count(value) / 600 for value in {*seen}]
        assert len(shares) == count
        # None is drawn much more or less often, at the ends or elsewhere.
        assert max(shares) < 1.6 / count
        assert min(shares) > 0.6 / count


def test_near_points_are_nearer_than_random_ones() -> None:
    encoding, rng = Encoding(SPACE), np.random.default_rng(0)
    (parent,) = encoding.random(1, rng)

    def away(rows: np.ndarray) -> float:
        features = encoding.features(rows) - encoding.features(parent[None])
        return float(np.linalg.norm(features, axis=1).mean())

    assert away(encoding.near(parent[None], 300, rng)) < 0.6 * away(encoding.random(300, rng))


def test_what_a_point_lacks_is_in_the_middle() -> None:
    encoding = Encoding(SPACE)
    (features,) = encoding.features(encoding.rows([{}]))
    assert features.tolist() == [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5]
    near = encoding.near(encoding.rows([{}]), 10, np.random.default_rng(0))
    assert not np.isnan(near).any()
