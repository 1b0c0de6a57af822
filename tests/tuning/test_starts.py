"""Start points: the published settings, priors with their history, the best of an earlier study."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.data.datasets import AssociationDataset
from model.data.synthetic import demo
from model.errors import InputError
from model.evaluation.protocols import HONEST, development_folds, protocol
from model.network.autoencoder import Configuration
from search_spaces.loading import load_space, shipped_spaces
from search_spaces.priors import ChosenOn, fingerprints, shipped_priors
from tuning.bench.store import fill_study
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.earlier_study import BEST, best_of
from tuning.record.identity import mark_begun
from tuning.record.leaderboard import study_leaderboard
from tuning.record.study_record import StudyRecord, runs_of
from tuning.report.attach import attach_folds
from tuning.search.resumption import read_plan, save_plan
from tuning.starts import own_starts, prior_starts

RANDOM = protocol("random")


def part_of(dataset: AssociationDataset, share: int, name: str = "part") -> AssociationDataset:
    """Every so manieth association of the data."""
    kept = np.zeros_like(dataset.associations)
    kept[tuple(dataset.association_pairs[::share].T)] = 1
    return dataclasses.replace(dataset, name=name, associations=kept)


@pytest.fixture
def chosen_on_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the hand-tuned points had been chosen on the demo data."""
    known = shipped_priors()
    sketch = " ".join(sorted(fingerprints(demo()))[:64])
    data = {"dataset2": ChosenOn(hash=demo().content_hash, pairs=sketch)}
    changed = known.model_copy(update={"data": data})
    monkeypatch.setattr("tuning.starts.shipped_priors", lambda: changed)


@pytest.mark.parametrize("name", shipped_spaces())
def test_shipped_spaces_begin_with_the_published_settings_alone(name: str) -> None:
    (start,) = own_starts(load_space(name))
    assert (start.name, "300 epochs and not their 1,000" in start.history) == ("published", True)
    assert load_space(name).is_published(start.point)


@pytest.mark.parametrize("name", shipped_priors().priors)
def test_a_shipped_prior_lies_in_its_space_and_tells_how_it_was_chosen(name: str) -> None:
    prior = shipped_priors().priors[name]
    space = load_space(prior.space)
    (start,) = prior_starts(space, prior.space, demo(), HONEST, 0, None)
    assert start.name == name
    assert "dataset2, protocol random, seed 0, all associations" in str(start)
    values = space.configuration(start.point).dotted()
    assert {key: values[key] for key in prior.point} == prior.point
    assert prior_starts(space, prior.space, demo(), HONEST, 0, "none") == ()
    assert prior_starts(space, "my.yaml", demo(), HONEST, 0, None) == ()
    assert prior_starts(space, "my.yaml", demo(), HONEST, 0, name) == (start,)


def test_a_prior_is_not_used_on_the_data_it_was_chosen_on(chosen_on_the_demo: None) -> None:
    full = load_space("full")
    for data in (demo(), part_of(demo(), 10)):
        assert prior_starts(full, "full", data, HONEST, 0, None) == ()
        with pytest.raises(InputError, match="chosen on all associations") as raised:
            prior_starts(full, "full", data, HONEST, 0, "hand-tuned-head")
        assert "protocol" in raised.value.hint
        (start,) = prior_starts(full, "full", data, RANDOM, 0, "hand-tuned-head")
        assert "optimistic" in start.history
    rows = tuple(f"other-{name}" for name in demo().rows)
    others = dataclasses.replace(demo(), rows=rows)
    assert len(prior_starts(full, "full", others, HONEST, 0, None)) == 1


def test_a_prior_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(InputError, match="no prior 'best'") as raised:
        prior_starts(load_space("full"), "full", demo(), HONEST, 0, "best")
    assert "hand-tuned" in raised.value.hint
    with pytest.raises(InputError, match=r"outside the space: .*head\.type"):
        prior_starts(load_space("faithful"), "faithful", demo(), HONEST, 0, "hand-tuned-head")


def earlier(name: str, space: str = "full", seed: int = 0, rule: str = "honest") -> StudyPlan:
    plan = StudyPlan(name, demo(), protocol(rule), space, load_space(space), 12, seed)
    fill_study(plan)
    return plan


@pytest.mark.heavy
def test_the_best_of_an_earlier_study_are_its_distinct_best_points(home: Path) -> None:
    space = load_space("full")
    earlier("before")
    starts = best_of("before", space, demo(), HONEST, 0)
    board = study_leaderboard("before")
    best = board[board["kind"] == "trial"].head(BEST)
    assert len(starts) == min(BEST, len(best)) > 1
    for start, (_, row) in zip(starts, best.iterrows(), strict=True):
        values = space.configuration(start.point).dotted()
        assert all(row[name] == values[name] for name in Configuration().dotted())
        assert str(start) == "from before: the best of study before (demo, honest, seed 0)"
    # Another space holds none of them, or another some.
    with pytest.raises(InputError, match="no finished trial in this space"):
        best_of("before", load_space("paper"), demo(), HONEST, 0)
    with pytest.raises(InputError, match="there is no study 'none'"):
        best_of("none", space, demo(), HONEST, 0)


@pytest.mark.heavy
def test_what_an_earlier_study_saw_of_the_sealed_part_chooses_nothing(home: Path) -> None:
    space = load_space("full")
    earlier("open", rule="random")
    earlier("seed-1", seed=1)
    for study in ("open", "seed-1"):
        with pytest.raises(InputError, match=r"searched on \d+ associations that this") as raised:
            best_of(study, space, demo(), HONEST, 0)
        assert "--protocol" in raised.value.hint
        assert "optimistic" in best_of(study, space, demo(), RANDOM, 7)[0].history
    assert "optimistic" not in best_of("seed-1", space, demo(), HONEST, 1)[0].history


@pytest.mark.heavy
def test_associations_of_other_data_are_compared_by_name(home: Path) -> None:
    space, larger = load_space("full"), part_of(demo(), 1, "larger")
    plan = dataclasses.replace(earlier("large"), dataset=larger)
    smaller = part_of(demo(), 2)
    assert "not recorded" in best_of("large", space, smaller, HONEST, 0)[0].history
    client = mlflow_client()
    experiment = client.get_experiment_by_name("large").experiment_id
    (own,) = runs_of(client, experiment, "tags.kind = 'study'")
    record = StudyRecord(client, experiment, own.info.run_id, {})
    attach_folds(record, plan, development_folds(larger, HONEST, 0))
    with pytest.raises(InputError, match=r"searched on \d+ associations that this"):
        best_of("large", space, smaller, HONEST, 0)
    assert "optimistic" in best_of("large", space, smaller, RANDOM, 0)[0].history


def test_start_points_are_in_the_record_and_come_back_with_the_plan(home: Path) -> None:
    full = load_space("full")
    starts = own_starts(full) + prior_starts(full, "full", demo(), HONEST, 0, None)
    plan = StudyPlan("s", demo(), HONEST, "full", full, 4, starts=starts)
    assert plan.tags()["start_points"].startswith("published: the paper's settings")
    assert "hand-tuned-head: chosen by hand on dataset2" in plan.tags()["start_points"]
    (home / "studies" / "s").mkdir(parents=True)
    save_plan(plan)
    mark_begun("s", str(home / "studies" / "s"))
    assert read_plan("s", demo()).start_points() == starts
