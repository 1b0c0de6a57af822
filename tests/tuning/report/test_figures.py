"""Figures of a study whose parameters do not all apply to every trial."""

import matplotlib
import pytest

from model.data.kinds import DEFAULT_KINDS, as_record
from search_spaces.schema import SearchSpace
from tuning.report.figures import (
    INK,
    STYLE,
    as_svg,
    axis_places,
    parallel_coordinates,
    slices,
)
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
    axes = parallel_coordinates(REPORT).axes[0]
    lines = [list(one.get_ydata()) for one in axes.lines if len(one.get_xdata()) == 4]
    assert len(lines) == len(POINTS)
    # Drawn by their score, which is their order here; it ends each line.
    assert [line[0] for line in lines] == [0, 1, 0, 1]
    assert [line[1] for line in lines] == pytest.approx([-0.12, 0, -0.12, 1])
    assert [line[3] for line in lines] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    places, marks = axis_places(SPACE.search["encoder.out_dim"], "encoder.out_dim", POINTS)
    assert marks == [(0.0, "8"), (1.0, "60")], "its end is that of the trials"
    assert places[0] == 1
    width = axis_places(SPACE.search["encoder.hidden_dim"], "encoder.hidden_dim", POINTS)[1]
    assert width == [(0.0, "32"), (1.0, "64"), (-0.12, "–")]


def test_a_slice_shows_the_trials_that_it_applies_to() -> None:
    found = {name: figure.axes[0] for name, figure in slices(REPORT)}
    width = found["encoder.hidden_dim"]
    assert [one.get_text() for one in width.get_xticklabels()] == ["32", "64"]
    assert list(width.lines[0].get_ydata()) == pytest.approx([0.71, 0.73])
    assert len(found["encoder.layers"].lines[0].get_xdata()) == 4


def test_importance_needs_twenty_trials_and_says_how_sure_it_is() -> None:
    missing: dict[str, str] = {}
    few = [TRIALS[k % 4] | {"auc": 0.7 + k / 100} for k in range(19)]
    assert importances(SPACE, few, "auc", missing) is None
    assert "19 trials finished; from fewer than 20" in missing.pop("importance")
    found = importances(SPACE, [*few, TRIALS[3]], "auc", missing)
    assert found is not None
    assert not missing
    # Of the parameters that apply to every trial.
    assert set(found["values"]) == set(found["spread"]) == {"encoder.layers"}


def test_a_figure_takes_the_colour_of_the_page_and_no_script() -> None:
    with matplotlib.rc_context(STYLE):
        svg = as_svg(parallel_coordinates(REPORT), "lines")
    assert svg.startswith('<svg role="img" aria-label="lines"')
    assert "currentColor" in svg
    assert INK not in svg
    assert "<script" not in svg
