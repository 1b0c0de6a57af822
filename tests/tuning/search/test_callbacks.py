"""What the driver records of a trial's end. No Ray, no MLflow: results are made up."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from search_spaces.loading import load_space
from tuning.ending import Ending
from tuning.live import LiveTable
from tuning.search.callbacks import RecordTrials
from tuning.search.resumption import Point, Progress

SPACE = load_space("paper")
SCORES = (0.6, 0.7, 0.71, 0.7, 0.95, 0.5, 0.5)  # chosen: 0.71 at epoch 60


class Record:
    """A record in memory."""

    run_id = "own"

    def __init__(self) -> None:
        self.metrics: list[tuple[str, int, dict[str, Any]]] = []
        self.closed: dict[str, Ending] = {}

    def open_child(self, kind: str, name: str, params: Any, tags: Any) -> str:
        return name

    def reopen(self, run: str) -> None:
        del self.closed[run]

    def log_metrics(self, run: str, result: Any, *, step: int) -> None:
        assert run not in self.closed
        self.metrics.append((run, step, dict(result)))

    def set_tags(self, run: str, tags: Any) -> None:
        pass

    def close(self, run: str, ended: Ending, *, reason: str = "") -> None:
        self.closed[run] = ended

    def chosen(self, run: str) -> list[tuple[int, dict[str, Any]]]:
        return [
            (step, one) for name, step, one in self.metrics if name == run and "chosen_epoch" in one
        ]

    def best(self) -> list[tuple[int, float]]:
        return [(step, one["best_auc"]) for name, step, one in self.metrics if name == "own"]


def result(epoch: int, auc: float, **flags: bool) -> dict[str, Any]:
    scores = {"auc": auc, "auc_sd": auc / 100, "ap": auc - 0.1, "ap_sd": math.nan}
    return {**scores, "epoch": epoch, "full_budget": False, "done": False, **flags}


class Search:
    """A search whose trials report every 20 epochs."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.record = Record()
        self.table = LiveTable("s", 4)
        self.callback = RecordTrials(self.record, SPACE, self.table, progress)  # type: ignore[arg-type]

    def start(self, number: int) -> Any:
        trial = SimpleNamespace(
            trial_id=f"t{number}",
            config=SPACE.start_points()[0],
            checkpoint=None,
            error_file=None,
            last_result={},
            local_experiment_path=".",
            experiment_tag=f"{number}_x",
        )
        self.callback.on_trial_start(0, [], trial)
        return trial

    def report(self, trial: Any, *scores: float, since: int = 0) -> None:
        for place, score in enumerate(scores, start=1):
            trial.last_result = result(since + 20 * place, score)
            self.callback.on_trial_result(0, [], trial, trial.last_result)

    def end(self, trial: Any, **flags: bool) -> None:
        trial.last_result |= {"done": True, **flags}
        self.callback.on_trial_complete(0, [], trial)


@pytest.fixture(autouse=True)
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    number = "tuning.search.callbacks.trial_number"
    monkeypatch.setattr(number, lambda trial: int(trial.trial_id[1:]))


@pytest.mark.parametrize("flags", [{"full_budget": True}, {}])
def test_the_chosen_epoch_is_recorded_alike_however_the_trial_ended(flags: dict[str, bool]) -> None:
    search = Search()
    trial = search.start(1)
    search.report(trial, *SCORES)
    search.end(trial, **flags)
    run = search.callback.run_ids["t1"]
    ((step, chosen),) = search.record.chosen(run)
    assert step == 0
    expected = {"chosen_epoch": 60, "chosen_auc": 0.71, "chosen_auc_sd": 0.0071, "chosen_ap": 0.61}
    assert {name: chosen[name] for name in expected} == pytest.approx(expected)
    assert search.record.best() == [(1, 0.71)]
    assert (search.table.rows["t1"]["auc"], search.table.rows["t1"]["chosen"]) == (0.71, 60)


def test_a_diverged_trial_records_no_choice_and_is_not_the_best() -> None:
    search = Search()
    good, diverged = search.start(1), search.start(2)
    search.report(good, 0.6)
    search.end(good)
    search.report(diverged, 0.9, 0.9, math.nan)
    search.end(diverged)
    assert not search.record.chosen(search.callback.run_ids["t2"])
    assert search.record.closed[search.callback.run_ids["t2"]] is Ending.FAILED
    assert search.record.best() == [(1, 0.6), (2, 0.6)]


def test_after_a_restart_the_choice_is_from_the_whole_curve() -> None:
    """What was measured before the driver died is the record's, and no trial reports it again."""
    points = tuple(Point("t1", 20 * k, score, k) for k, score in enumerate(SCORES[:4], start=1))
    reports = {
        20 * k: {"auc": score, "auc_sd": score / 100} for k, score in enumerate(SCORES[:4], start=1)
    }
    search = Search(Progress({"t1": "run"}, points, best=0.8, reports={"t1": reports}))
    search.record.closed["run"] = Ending.KILLED
    trial = search.start(1)
    # It goes on from its checkpoint at epoch 60; an epoch that is measured again changes nothing.
    search.report(trial, 0.99, *SCORES[4:], since=60)
    assert [step for _, step, _ in search.record.metrics] == [100, 120, 140]
    search.end(trial)
    ((_, chosen),) = search.record.chosen("run")
    assert (chosen["chosen_epoch"], chosen["chosen_auc_sd"]) == (60, pytest.approx(0.0071))
    assert search.record.best() == [(1, 0.8)]  # of a trial that had ended before
