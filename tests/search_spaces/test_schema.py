"""Search spaces: the shipped ones are valid, a wrong one is refused with its place."""

import math
import re
import sys
import time
from pathlib import Path

import pytest
import yaml

from model.errors import InputError
from model.network.autoencoder import Configuration
from search_spaces.loading import load_space, shipped_spaces
from search_spaces.sampling import sample_points
from search_spaces.schedule import Schedule
from search_spaces.schema import SearchSpace

VALID = {
    "description": "two settings",
    "fixed": {"training.epochs": 100},
    "search": {
        "mask.rate": {"type": "float", "low": 0.1, "high": 0.6},
        "encoder.type": {"type": "choice", "choices": ["gin", "gcn"]},
    },
}


@pytest.mark.parametrize("name", shipped_spaces())
def test_every_shipped_space_starts_with_the_published_settings(name: str) -> None:
    space = load_space(name)
    first = space.configuration(space.start_points()[0])
    assert first == Configuration.published(epochs=space.max_epochs)
    assert space.is_published(space.start_points()[0])


@pytest.mark.parametrize("name", shipped_spaces())
def test_every_shipped_space_covers_what_the_paper_varies(name: str) -> None:
    searched = set(load_space(name).search)
    dimensions = {"encoder.hidden_dim", "encoder.out_dim"}
    assert {"degree_decoder.alpha", "mask.rate", "encoder.type"} | dimensions <= searched


@pytest.mark.parametrize("name", shipped_spaces())
def test_every_point_optuna_can_draw_is_a_configuration(name: str) -> None:
    space = load_space(name)
    for drawn in sample_points(space, 50, seed=0):
        assert drawn.keys() == space.point(space.settings(drawn)).keys()
        config = space.configuration(drawn)
        assert config.training.epochs <= space.max_epochs
        for key, value in drawn.items():
            assert config.dotted()[key] == value


def write(folder: Path, **changes: object) -> str:
    path = folder / "space.yaml"
    path.write_text(yaml.safe_dump({**VALID, **changes}))
    return str(path)


def test_a_users_own_file(tmp_path: Path) -> None:
    space = load_space(write(tmp_path))
    assert space.max_epochs == 100
    assert space.start_points() == []


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"search": {"mask.ratio": VALID["search"]["mask.rate"]}}, ["mask.ratio", "no such"]),
        (
            {"search": {"mask.rate": {"type": "float", "low": 0.1, "high": 1.2}}},
            ["mask.rate", "1.2"],
        ),
        (
            {"search": {"encoder.type": {"type": "choice", "choices": ["gin", "cnn"]}}},
            ["encoder.type", "cnn"],
        ),
        ({"search": {"mask.rate": {"type": "normal", "low": 0, "high": 1}}}, ["normal"]),
        ({"fixed": {"mask.rate": 0.3}}, ["both searched and fixed", "mask.rate"]),
        ({"start_with": [{"mask.rate": 0.9, "encoder.type": "gcn"}]}, ["0.9", "outside"]),
        ({"start_with": ["published"]}, ["start_with"]),
        ({"start_with": [{"encoder.tpye": "gcn"}]}, ["start_with", "encoder.tpye"]),
        ({"fixed": {"encoder.tpye": "gcn"}}, ["fixed.encoder.tpye", "did you mean encoder.type?"]),
        ({"schedule": {"report_every": 20, "first_rung": 30}}, ["multiple"]),
        ({"schedule": {"report_every": 20, "first_rung": 400}}, ["first_rung", "400", "longest"]),
        ({"surprise": 1}, ["surprise"]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_space_is_refused(
    tmp_path: Path, changes: dict[str, object], parts: list[str]
) -> None:
    if changes == {"start_with": ["published"]}:
        changes = {
            **changes,
            "search": {"encoder.type": {"type": "choice", "choices": ["gcn", "sage"]}},
        }
    with pytest.raises(InputError) as caught:
        load_space(write(tmp_path, **changes))
    assert "space.yaml" in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"), [("a: [1", "is not YAML"), ("- 1", "valid dictionary")]
)
def test_a_file_that_is_no_space(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        load_space(str(path))


def test_a_missing_space_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="faithful, full, paper"):
        load_space("everything")
    with pytest.raises(InputError, match="cannot be read"):
        load_space(str(tmp_path / "missing.yaml"))


def a_float(low: object, high: object, **more: object) -> dict[str, object]:
    return {"type": "float", "low": low, "high": high, **more}


def a_whole(low: object, high: object, **more: object) -> dict[str, object]:
    return {"type": "int", "low": low, "high": high, **more}


def a_choice(*choices: object, **more: object) -> dict[str, object]:
    return {"type": "choice", "choices": list(choices), **more}


# The search of a space, where something is wrong with it, and how that is mended.
WRONG: list[tuple[dict[str, object], str, str]] = [
    ({"encoder.dropout": a_float(0.6, 0.1)}, "encoder.dropout", "smaller"),
    ({"encoder.out_dim": a_whole(64, 32)}, "encoder.out_dim", "smaller"),
    ({"training.learning_rate": a_float(0, 0.1, log=True)}, "training.learning_rate", "raise low"),
    ({"encoder.layers": a_float(1, 2)}, "encoder.layers.type", "type: int"),
    ({"encoder.layers": a_whole(1.5, 2)}, "encoder.layers.low", "whole"),
    ({"encoder.dropout": a_float(-math.inf, 0.5)}, "encoder.dropout.low", "finite"),
    ({"encoder.dropout": a_float(0, math.nan)}, "encoder.dropout.high", "finite"),
    ({"encoder.out_dim": a_whole(16, 64, step=10)}, "encoder.out_dim.step", "high: 56"),
    ({"encoder.out_dim": a_choice(32, 64, 32)}, "encoder.out_dim.choices", "name each once"),
    ({"encoder.out_dim": a_choice(32, "64")}, "encoder.out_dim.choices", "write 64"),
    ({"encoder.dropout": a_float(0, "encoder.depth")}, "encoder.dropout", "no such setting"),
    ({"encoder.dropout": a_float(0, "encoder.type")}, "encoder.dropout.high", "number"),
    (
        {"encoder.out_dim": a_whole(8, "encoder.hidden_dim"), "encoder.hidden_dim": a_choice(4, 8)},
        "encoder.out_dim",
        "encoder.hidden_dim is 4",
    ),
    (
        {"head.hidden_dim": a_whole(8, 16, when={"head.type": "propagation"})},
        "head.hidden_dim.when",
        "head.type can be none",
    ),
    (
        {"mask.rate": a_float(0.1, 0.5), "features.dim": a_whole(0, 9, when={"mask.rate": 0.3})},
        "features.dim.when",
        "make it a choice",
    ),
    (  # each can hold, both cannot
        {
            "encoder.type": a_choice("gin", "gcn"),
            "encoder.layers": a_whole(1, 2, when={"encoder.type": "gin"}),
            "encoder.hidden_dim": a_whole(8, 9, when={"encoder.type": "gcn", "encoder.layers": 1}),
        },
        "encoder.hidden_dim.when",
        "can never hold",
    ),
    (
        {
            "encoder.out_dim": a_whole(8, "encoder.hidden_dim"),
            "encoder.hidden_dim": a_whole(8, 9, when={"encoder.out_dim": 8}),
        },
        "encoder.hidden_dim",
        "break the circle",
    ),
]


@pytest.mark.parametrize(("search", "where", "mend"), WRONG, ids=lambda one: str(one)[:40])
def test_a_space_that_nobody_can_sample_is_refused(
    tmp_path: Path, search: dict[str, object], where: str, mend: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_space(write(tmp_path, search=search))
    assert "space.yaml" in caught.value.where
    lines = "\n".join(caught.value.lines())
    assert f"search.{where}" in lines
    assert mend in lines


def test_all_that_is_wrong_with_a_file_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command, which starts nothing for it; also what stands beside an unreadable entry."""
    from tuning.cli import main

    one_each: dict[str, object] = {"mask.rate": {"type": "normal"}}
    for search, _, _ in WRONG:
        one_each |= {name: one for name, one in search.items() if name not in one_each}
    one_each["edge_decoder.hidden_dim"] = a_whole(9, 8)
    path = write(tmp_path, search=one_each)
    monkeypatch.setattr(sys, "argv", ["mmatune", "tune", "demo", "--space", path])
    monkeypatch.setattr("tuning.study.run_study", lambda plan: pytest.fail("it began"))
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        main()
    assert time.monotonic() - began < 3
    assert ended.value.code == 2
    said = capsys.readouterr().err
    for name in ("mask.rate", "encoder.dropout", "learning_rate", "edge_decoder.hidden_dim"):
        assert re.search(rf"space\.yaml: search\.(training\.)?{re.escape(name)}", said), said


DEPENDENT = {
    "description": "conditions on conditional parameters, and an end that is another parameter",
    "fixed": {"encoder.norm": "none", "training.epochs": 60},
    "search": {
        "encoder.norm": a_choice("none", "batch", when={"encoder.layers": [2, 3]}),
        "head.hidden_dim": a_whole(4, "encoder.hidden_dim", when={"head.type": "propagation"}),
        "head.type": a_choice("none", "propagation", when={"encoder.norm": "batch"}),
        "encoder.hidden_dim": a_whole(8, 64, step=8, when={"encoder.layers": [2, 3]}),
        "encoder.layers": a_whole(1, 3),
    },
    "start_with": [{}, {"encoder.layers": 3}, {"encoder.layers": 2, "encoder.hidden_dim": 8}],
}


def test_parameters_that_depend_on_others_are_drawn_where_they_apply(tmp_path: Path) -> None:
    space = load_space(write(tmp_path, **DEPENDENT))
    first, *_, fourth, last = space.order()
    assert (first, fourth, last) == ("encoder.layers", "head.type", "head.hidden_dim")
    points = sample_points(space, 200, seed=0)
    for point in points:
        values = space.configuration(point).dotted()
        deep, batch = values["encoder.layers"] > 1, values["encoder.norm"] == "batch"
        assert ("encoder.norm" in point) == ("encoder.hidden_dim" in point) == deep
        assert ("head.type" in point) == (deep and batch)
        assert ("head.hidden_dim" in point) == (values["head.type"] == "propagation")
        if "head.hidden_dim" in point:
            assert 4 <= point["head.hidden_dim"] <= point["encoder.hidden_dim"]
        elif not deep:
            assert (values["encoder.norm"], values["encoder.hidden_dim"]) == ("none", 64)
    assert len({len(point) for point in points}) == 4, "1, 3, 4 and 5 of them apply"
    assert len({point.get("head.hidden_dim") for point in points}) > 10
    assert SearchSpace.model_validate(space.model_dump()) == space  # as a study records it


def test_start_points_are_completed_and_hold_what_applies(tmp_path: Path) -> None:
    space = load_space(write(tmp_path, **DEPENDENT))
    whole = {"encoder.layers": 3, "encoder.norm": "none", "encoder.hidden_dim": 64}
    assert space.start_points()[1] == whole
    assert space.start_points()[2] == {**whole, "encoder.layers": 2, "encoder.hidden_dim": 8}
    changes = {"start_with": [{"encoder.layers": 1, "head.type": "propagation"}]}
    with pytest.raises(InputError, match=r"head\.type = 'propagation' does not apply"):
        load_space(write(tmp_path, **{**DEPENDENT, **changes}))


def test_a_file_that_searches_the_epochs_is_refused_but_a_record_that_did_opens(
    tmp_path: Path,
) -> None:
    epochs = {"type": "int", "low": 60, "high": 300, "step": 20}
    changes = {"fixed": {}, "search": {**VALID["search"], "training.epochs": epochs}}
    with pytest.raises(InputError) as caught:
        load_space(write(tmp_path, **changes))
    assert "search.training.epochs" in caught.value.where
    assert "longest budget" in caught.value.hint
    assert SearchSpace.model_validate({**VALID, **changes}).budgets() == list(range(60, 301, 20))


def test_rungs() -> None:
    schedule = Schedule(report_every=20, first_rung=60, reduction_factor=3)
    assert schedule.rungs(600) == [60, 180, 540]
    assert schedule.rungs(60) == []
