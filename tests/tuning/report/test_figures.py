"""Figures of a study whose parameters do not all apply to every trial."""

import pytest

from model.data.kinds import DEFAULT_KINDS, as_record
from search_spaces.schema import SearchSpace
from tuning.report.figures import parallel_coordinates, slices
from tuning.report.importance import importances

SPACE = SearchSpace.model_validate(
    {
        "description": "a width only where there are two layers, and one that another ends",
        "search": {
            "encoder.layers": {"type": "int", "low": 1, "high": 2},
            "encoder.hidden_dim": {
                "type": "choice",
                "choices": [32, 64],
                "when": {"encoder.layers": 2},
            },
            "encoder.out_dim": {"type": "int", "low": 8, "high": "encoder.hidden_dim"},
        },
    }
)
POINTS = [
    {"encoder.layers": 1, "encoder.out_dim": 60},
    {"encoder.layers": 2, "encoder.out_dim": 16, "encoder.hidden_dim": 32},
    {"encoder.layers": 1, "encoder.out_dim": 12},
    {"encoder.layers": 2, "encoder.out_dim": 24, "encoder.hidden_dim": 64},
]
TRIALS = [
    {
        "status": "finished",
        "ranked": True,
        "auc": 0.7 + number / 100,
        "params": {key: str(value) for key, value in SPACE.configuration(point).dotted().items()},
    }
    for number, point in enumerate(POINTS)
]
REPORT = {
    "kinds": as_record(DEFAULT_KINDS),
    "metric": "auc",
    "space": {"name": "own", **SPACE.model_dump(mode="json")},
    "trials": TRIALS,
    "importance": None,
}


def test_a_line_passes_below_an_axis_that_does_not_apply() -> None:
    (plot,) = parallel_coordinates(REPORT).data
    layers, width, out, _ = plot.dimensions
    assert list(layers["values"]) == [1, 2, 1, 2]
    assert list(width["values"]) == pytest.approx([-0.15, 0, -0.15, 1])
    assert list(width["ticktext"]) == ["–", "32", "64"]
    assert list(width["range"]) == pytest.approx([-0.15, 1])
    assert list(out["range"]) == [8, 60], "its end is that of the trials"


def test_a_slice_shows_the_trials_that_it_applies_to() -> None:
    layers, width, out = slices(REPORT).data
    assert list(width.x) == ["32", "64"]
    assert list(width.y) == pytest.approx([0.71, 0.73])
    assert (len(layers.x), len(out.x)) == (4, 4)


def test_importance_is_of_the_parameters_that_apply_to_every_trial() -> None:
    missing: dict[str, str] = {}
    found = importances(SPACE, TRIALS, "auc", missing)
    assert found is not None
    assert not missing
    assert set(found["values"]) == {"encoder.layers"}
