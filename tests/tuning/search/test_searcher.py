"""The searcher tells Optuna what happened. No Ray, no training: results are made up."""

import math
import pickle
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from search_spaces.loading import load_space
from tuning.home import optuna_storage_url
from tuning.search.searcher import StudySearch


@pytest.fixture
def search() -> StudySearch:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return StudySearch(
        "s",
        load_space("paper"),
        sampler="tpe",
        seed=0,
        storage_url=optuna_storage_url(),
    )


def result(auc: float, epoch: int, **flags: bool) -> dict[str, object]:
    return {"auc": auc, "epoch": epoch, "full_budget": False, "done": False, **flags}


def trials() -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="s", storage=optuna_storage_url()).trials


def test_starts_with_the_published_settings(search: StudySearch) -> None:
    space = load_space("paper")
    assert space.is_published(search.suggest("a"))
    assert not space.is_published(search.suggest("b"))


def curve(search: StudySearch, name: str, *scores: float) -> None:
    """Reports every 20 epochs, as Ray Tune passes on those that end nothing."""
    for place, score in enumerate(scores, start=1):
        search.on_trial_result(name, result(score, 20 * place))


def test_each_ending_is_recorded(search: StudySearch) -> None:
    for name in ("full", "stopped", "diverged", "died", "never", "cut"):
        search.suggest(name)
    search.on_trial_result("full", result(0.7, 60))
    search.on_trial_complete("full", result(0.8, 300, full_budget=True, done=True))
    search.on_trial_result("stopped", result(0.5, 20))
    search.on_trial_complete("stopped", result(0.6, 60, done=True))
    search.on_trial_result("diverged", result(0.5, 20))
    search.on_trial_complete("diverged", result(math.nan, 40, done=True))
    search.on_trial_complete("died", result(0.7, 20), error=True)
    search.on_trial_complete("never", None, error=True)
    search.on_trial_result("cut", result(0.9, 20))
    search.on_trial_complete("cut", result(0.9, 20))
    states = [trial.state for trial in trials()]
    assert states == [*[TrialState.COMPLETE] * 3, *[TrialState.FAIL] * 3]
    assert [trial.value for trial in trials()] == [0.8, 0.6, 0.6, None, None, None]
    assert trials()[0].intermediate_values == {60: 0.7, 300: 0.8}
    assert trials()[1].intermediate_values == {20: 0.5, 60: 0.6}
    assert [trial.user_attrs["ended"] for trial in trials()] == [
        "finished",
        "stopped early",
        *["failed"] * 3,
        "killed",
    ]


def test_a_stopped_and_a_finished_trial_are_told_alike(search: StudySearch) -> None:
    """Both with what is chosen from their curve; neither its maximum nor its last value."""
    scores = (0.6, 0.7, 0.71, 0.7, 0.95, 0.5, 0.5)
    for name, flags in (("full", {"full_budget": True}), ("stopped", {})):
        search.suggest(name)
        curve(search, name, *scores[:-1])
        search.on_trial_complete(name, result(scores[-1], 140, done=True, **flags))
    full, stopped = trials()
    assert full.state is stopped.state is TrialState.COMPLETE
    assert full.value == stopped.value == 0.71
    assert full.intermediate_values == stopped.intermediate_values
    assert list(full.intermediate_values.values()) == list(scores)


def test_a_diverged_trial_teaches_that_its_corner_is_bad(search: StudySearch) -> None:
    for name in ("first", "good", "bad", "second", "machine lost"):
        search.suggest(name)
    # The first of a study has nothing to be as bad as.
    search.on_trial_complete("first", result(math.nan, 20, done=True))
    search.on_trial_complete("good", result(0.9, 60, done=True))
    search.on_trial_complete("bad", result(0.4, 60, done=True))
    curve(search, "second", 0.8, 0.95)
    search.on_trial_complete("second", result(math.nan, 60, done=True))
    search.on_trial_complete("machine lost", result(0.8, 40), error=True)
    assert [(trial.state.name, trial.value) for trial in trials()] == [
        ("PRUNED", None),
        ("COMPLETE", 0.9),
        ("COMPLETE", 0.4),
        ("COMPLETE", 0.4),
        ("FAIL", None),
    ]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "curve-gp"])
def test_a_sampler_learns_from_a_diverged_trial(sampler: str) -> None:
    """It suggests a half of the range that diverges less often than where nothing is told of it."""
    from search_spaces.schema import SearchSpace

    space = SearchSpace.model_validate(
        {
            "description": "",
            "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.6}},
        }
    )

    def in_the_bad_half(study: str, *, error: bool) -> int:
        search = StudySearch(
            study, space, sampler=sampler, seed=1, storage_url=optuna_storage_url()
        )
        count = 0
        for number in range(40):
            dropout = search.suggest(str(number))["encoder.dropout"]
            score = math.nan if dropout > 0.3 else 0.8 - dropout / 100
            search.on_trial_complete(
                str(number), result(score, 60, done=True), error=error and math.isnan(score)
            )
            count += number >= 15 and dropout > 0.3
        return count

    told, not_told = (in_the_bad_half(f"s{error}", error=error) for error in (False, True))
    assert told < not_told or told == 0


def test_the_database_does_not_wait_for_the_disk_also_when_gone_on_with(
    search: StudySearch,
) -> None:
    again = pickle.loads(pickle.dumps(search))  # as Ray Tune keeps it for `tune --resume`
    for one in (search, again):
        with one._study._storage._backend.engine.connect() as connection:
            pragmas = ("journal_mode", "synchronous")
            values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        assert values == ["wal", 1]


def test_the_study_s_metric_is_told() -> None:
    search = StudySearch(
        "s",
        load_space("paper"),
        sampler="random",
        seed=0,
        storage_url=optuna_storage_url(),
        metric="ap",
    )
    search.suggest("full")
    search.suggest("stopped")
    search.on_trial_result("full", result(0.9, 60) | {"ap": 0.1})
    search.on_trial_complete("full", result(math.nan, 300, full_budget=True) | {"ap": 0.2})
    search.on_trial_complete("stopped", result(0.9, 60, done=True) | {"ap": 0.3})
    assert [trial.value for trial in trials()] == [0.2, 0.3]
    assert trials()[0].intermediate_values == {60: 0.1, 300: 0.2}


def test_a_trial_that_was_told_as_failed_when_its_driver_died_is_added_again(
    search: StudySearch,
) -> None:
    for name in ("goes on", "stopped", "fails", "resumed"):
        search.suggest(name)
    search.on_trial_result("goes on", result(0.5, 20))
    study = optuna.load_study(study_name="s", storage=optuna_storage_url())
    for number in range(3):
        study.tell(number, state=TrialState.FAIL)
    search.on_trial_result("goes on", result(0.6, 40))
    search.on_trial_complete("goes on", result(0.7, 300, full_budget=True, done=True))
    search.on_trial_complete("stopped", result(0.4, 60, done=True))
    search.on_trial_complete("fails", None, error=True)
    search.on_trial_complete("resumed", result(0.8, 300, full_budget=True, done=True))
    failed, complete = [TrialState.FAIL] * 3, TrialState.COMPLETE
    assert [trial.state for trial in trials()] == [*failed, complete, complete, complete]
    first, second = trials()[4:]
    assert (first.value, first.intermediate_values) == (0.7, {20: 0.5, 40: 0.6, 300: 0.7})
    assert [one.user_attrs["ended"] for one in (first, second)] == ["finished", "stopped early"]
    assert first.params == trials()[0].params
    assert (first.user_attrs["resumed"], first.user_attrs["ray_trial"]) == (0, "goes on")
    assert (second.user_attrs["resumed"], second.value) == (1, 0.4)


def test_a_second_completion_changes_nothing(search: StudySearch) -> None:
    search.suggest("a")
    search.on_trial_complete("a", result(0.6, 60, done=True))
    search.on_trial_complete("a", result(0.9, 300, full_budget=True, done=True))
    assert trials()[0].value == 0.6


def test_a_resumed_searcher_chooses_from_the_whole_curve(
    search: StudySearch, tmp_path: Path
) -> None:
    """The snapshot has no curves: those of the record, which a new driver has, are whole."""
    from tuning.search.curves import Curves
    from tuning.search.resumption import Point, Progress

    search.suggest("a")
    curve(search, "a", 0.5, 0.5, 0.5)
    search.save(str(tmp_path / "state"))
    scores = (0.5, 0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9)  # what came after the snapshot too
    points = tuple(Point("a", 20 * k, score, k) for k, score in enumerate(scores, start=1))
    again = StudySearch(
        "s",
        load_space("paper"),
        sampler="tpe",
        seed=0,
        storage_url=optuna_storage_url(),
        resumed=True,
        curves=Curves("auc", Progress({"a": "run"}, points)),
    )
    again.restore(str(tmp_path / "state"))
    again.on_trial_complete("a", result(0.2, 180, done=True))
    assert trials()[0].value == 0.9


def test_the_same_seed_suggests_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    points = []
    for seed in (1, 1, 2):
        url = f"sqlite:///{tmp_path_factory.mktemp('optuna') / 'o.db'}"
        search = StudySearch("s", load_space("paper"), sampler="tpe", seed=seed, storage_url=url)
        points.append([search.suggest(f"t{k}") for k in range(3)])
    assert points[0] == points[1]
    assert points[0][0] == points[2][0]
    assert points[0][1:] != points[2][1:]
