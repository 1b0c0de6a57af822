"""What every sampler of the search has to hold to, given its name in `SAMPLERS`.

For a sampler of your own, in your package's tests:

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_sampler(check): check("mine")
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from search_spaces.distributions import distributions, suggest
from search_spaces.loading import load_space, shipped_spaces
from search_spaces.sampling import sample_points
from search_spaces.schema import SearchSpace
from tuning.search.samplers import SAMPLERS
from tuning.search.searcher import StudySearch

Point = dict[str, Any]

MANY = 16  # suggestions; Optuna's own samplers begin to learn after some ten trials
SNAPSHOT_AT, CRASHED_AT = 4, 12


def suggests_inside_the_space(name: str) -> None:
    """Every suggestion for a shipped space is one of its points, while trials end in all ways."""
    for of in shipped_spaces():
        space = load_space(of)
        for point in points(name, space):
            values = space.settings(point)
            assert point == space.point(values), "it has what applies, and nothing else"
            for key, value in point.items():
                assert space.search[key].contains(value, values), f"{of}: {key} = {value}"
            space.configuration(point)


def repeats_itself_with_the_same_seed(name: str) -> None:
    """The same seed and results give the same points; another seed gives others."""
    first, again, other = (points(name, without_starts(), seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def resumes_from_its_saved_state(name: str) -> None:
    """A new process that has the database and the state goes on as if nothing had happened."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = interrupted(name, Path(folder), snapshot_at=CRASHED_AT)
    assert [*before, *after] == undisturbed(name)


def repeats_no_point_after_a_crash(name: str) -> None:
    """If the state is older than the last suggestions, or lost, it does not make those again."""
    for snapshot_at in (SNAPSHOT_AT, None):
        with tempfile.TemporaryDirectory() as folder:
            before, after = interrupted(name, Path(folder), snapshot_at=snapshot_at)
        assert not [point for point in after if point in before]


def knows_running_trials(name: str) -> None:
    """If it learns from scores, it does not suggest again what runs and has no score yet.

    Otherwise it would suggest nearly the same point for all trials that run at once.
    """
    ended = sample_points(without_starts(), 2 * MANY, seed=5)
    first = suggestion(name, ended)
    if first == suggestion(name, ended, best=MANY):
        return  # it learns nothing, as a random sampler
    assert suggestion(name, ended, running=[first] * 4) != first


CHECKS: tuple[Callable[[str], None], ...] = (
    suggests_inside_the_space,
    repeats_itself_with_the_same_seed,
    resumes_from_its_saved_state,
    repeats_no_point_after_a_crash,
    knows_running_trials,
)


def without_starts() -> SearchSpace:
    """A space with ranges, so that no two points are equal by chance, and no starting points."""
    return load_space("full").model_copy(update={"start_with": []})


def points(name: str, space: SearchSpace, *, seed: int = 0) -> list[Point]:
    """Suggestions, each of which is tried, and ends in one way or another, before the next."""
    study = optuna.create_study(sampler=SAMPLERS[name](seed, space), direction="maximize")
    found = []
    for number in range(MANY):
        trial = study.ask()
        found.append(suggest(space, trial))
        trial.report(score(number), 60)
        if number % 5 == 4:
            study.tell(trial, state=TrialState.FAIL)
        elif number % 3 == 1:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, score(number))
    return found


def score(number: int) -> float:
    """Of that trial, neither rising nor falling."""
    return 0.5 + (number * 37 % 100) / 200


def suggestion(
    name: str, ended: Sequence[Point], running: Sequence[Point] = (), *, best: int = 0
) -> Point:
    """What a new sampler suggests first, after some trials that it did not suggest itself.

    Args:
        best: place of the ended trial with the best score; the others are worse by their distance.
    """
    space = without_starts()
    study = optuna.create_study(sampler=SAMPLERS[name](0, space), direction="maximize")
    for number, point in enumerate(ended):
        value = -float(abs(number - best))
        wanted = distributions(space, point)
        study.add_trial(create_trial(params=point, distributions=wanted, value=value))
    for point in running:
        state, wanted = TrialState.RUNNING, distributions(space, point)
        study.add_trial(create_trial(state=state, params=point, distributions=wanted))
    return suggest(space, study.ask())


def undisturbed(name: str) -> list[Point]:
    """The points of a study that nothing happens to."""
    with tempfile.TemporaryDirectory() as folder:
        search = open_search(name, Path(folder))
        return [next_point(search, number) for number in range(MANY)]


def interrupted(
    name: str, folder: Path, *, snapshot_at: int | None
) -> tuple[list[Point], list[Point]]:
    """The points of a study before and after its driver died.

    What comes after has the files of what was before, and nothing else, as a new process.

    Args:
        snapshot_at: suggestions after which the last snapshot was written; None for none.
    """
    search = open_search(name, folder)
    before = []
    for number in range(CRASHED_AT):
        before.append(next_point(search, number))
        if number + 1 == snapshot_at:
            search.save(str(folder / "state"))
    search = open_search(name, folder, resumed=True)
    if snapshot_at is not None:
        search.restore(str(folder / "state"))
    return before, [next_point(search, number) for number in range(CRASHED_AT, MANY)]


def open_search(name: str, folder: Path, *, resumed: bool = False) -> StudySearch:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = f"sqlite:///{folder / 'optuna.db'}"
    return StudySearch(
        "s", without_starts(), sampler=name, seed=0, storage_url=url, resumed=resumed
    )


def next_point(search: StudySearch, number: int) -> Point:
    """Its next suggestion, for a trial that then ends."""
    point = search.suggest(str(number))
    result = {"auc": score(number), "epoch": 60, "full_budget": number % 3 != 1, "done": True}
    search.on_trial_complete(str(number), result, error=number % 5 == 4)
    return point
