"""The contract of samplers, held to by each of them and by one from another package."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path

import optuna
import pytest
from optuna.samplers import TPESampler

from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST
from search_spaces.distributions import suggest
from search_spaces.loading import load_space
from search_spaces.schema import SearchSpace
from tests.contracts import samplers as contract
from tests.contracts.samplers import CHECKS, MANY
from tuning.commands.tune import tune
from tuning.forecast.outlook import look_ahead
from tuning.home import home
from tuning.plan import DEFAULT_SAMPLER, StudyPlan
from tuning.search.samplers import SAMPLERS, sampler_seed
from tuning.study import run_study

pytestmark = pytest.mark.heavy

OWN = ("tpe", "random", "gp", "curve-gp")
Check = Callable[[str], None]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", OWN)
def test_a_sampler_holds_to_the_contract(name: str, check: Check) -> None:
    check(name)


def test_these_are_all() -> None:
    assert tuple(SAMPLERS) == OWN
    assert signature(tune).parameters["sampler"].default == DEFAULT_SAMPLER in OWN


ELSEWHERE = """
from optuna.samplers import RandomSampler, TPESampler

def eager(seed, space):
    return TPESampler(seed=seed, n_startup_trials=5)

def blind(seed, space):
    return TPESampler(seed=seed, constant_liar=False)

def unseeded(seed, space):
    return RandomSampler()
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Samplers of another package: it is on the path, and names them as its entry points."""
    (tmp_path / "samplers_elsewhere.py").write_text(ELSEWHERE)
    info = tmp_path / "samplers_elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: samplers-elsewhere\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[mmatune.samplers]\n"
        "eager = samplers_elsewhere:eager\n"
        "blind = samplers_elsewhere:blind\n"
        "unseeded = samplers_elsewhere:unseeded\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    SAMPLERS.__dict__.pop("_added", None)  # what the table found before
    yield
    SAMPLERS.__dict__.pop("_added", None)
    sys.modules.pop("samplers_elsewhere", None)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("check", CHECKS)
def test_one_of_another_package_holds_to_it(check: Check) -> None:
    check("eager")


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("blind", contract.knows_running_trials),
        ("unseeded", contract.repeats_itself_with_the_same_seed),
        ("unseeded", contract.resumes_from_its_saved_state),
    ],
)
def test_one_that_does_not_is_found(name: str, check: Check) -> None:
    with pytest.raises(AssertionError):
        check(name)


@pytest.mark.parametrize("seed", range(3))
def test_tpe_suggests_what_it_did_before_its_settings_were_named(seed: int) -> None:
    space = load_space("full")
    points = []
    for sampler in (SAMPLERS["tpe"](seed, space), TPESampler(seed=seed)):
        study = optuna.create_study(sampler=sampler, direction="maximize")
        points.append([])
        for number in range(2 * MANY):
            trial = study.ask()
            points[-1].append(suggest(space, trial))
            if number % 4:  # the others are running
                study.tell(trial, number / 100)
    assert points[0] == points[1]


@pytest.mark.parametrize("name", ["tpe", "curve-gp"])
def test_with_64_places_most_suggestions_are_the_models(name: str) -> None:
    """At least half of 200, of which 64 are made before any trial has a score."""
    space = SearchSpace.model_validate(
        {
            "description": "",
            "search": {
                "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.6},
                "mask.rate": {"type": "float", "low": 0.1, "high": 0.6},
            },
        }
    )
    study = optuna.create_study(sampler=SAMPLERS[name](0, space), direction="maximize")
    running: deque[optuna.Trial] = deque()
    by_the_model = 0
    for _ in range(200):
        if len(running) == 64:
            ended = running.popleft()
            study.tell(ended, -ended.params["mask.rate"])
        running.append(study.ask())
        suggest(space, running[-1])
        by_the_model += running[-1].relative_params.keys() == space.search.keys()
    assert by_the_model >= 100


def test_a_sampler_that_goes_on_has_a_seed_of_its_own() -> None:
    seeds = [sampler_seed(seed, suggested) for seed in (0, 1) for suggested in range(20)]
    assert len({*seeds}) == len(seeds)
    assert sampler_seed(7, 0) == 7


@pytest.mark.parametrize("begin", [run_study, look_ahead])
def test_an_unknown_sampler_is_refused_before_anything_starts(begin: Check) -> None:
    plan = StudyPlan("s", demo(), HONEST, "paper", load_space("paper"), 2, sampler="tep")
    with pytest.raises(InputError, match="unknown sampler 'tep'") as raised:
        begin(plan)
    assert raised.value.hint == "did you mean tpe?"
    assert not (home() / "mlflow.db").exists()
