"""Search spaces: the shipped ones are valid, a wrong one is refused with its place."""

from pathlib import Path

import pytest
import yaml

from model.errors import InputError
from model.network.autoencoder import Configuration
from search_spaces.distributions import distributions
from search_spaces.loading import load_space, shipped_spaces
from search_spaces.schema import Schedule

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
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = load_space(name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        drawn = study.ask(fixed_distributions=distributions(space)).params
        assert drawn.keys() == space.search.keys()
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


def test_rungs() -> None:
    schedule = Schedule(report_every=20, first_rung=60, reduction_factor=3)
    assert schedule.rungs(600) == [60, 180, 540]
    assert schedule.rungs(60) == []
