"""The leaderboard ranks trials and baselines, and says where a baseline wins."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from tuning.ending import Ending
from tuning.record.leaderboard import (
    PUBLISHED,
    count_endings,
    leaderboard_frame,
    leaderboard_rows,
    leaderboard_table,
    verdict,
)


def run(name: str, kind: str, status: str | None, auc: float, **metrics: float) -> Any:
    tags = {"kind": kind} | ({"status": status} if status else {})
    values = {"auc": auc, "auc_sd": 0.01, "ap": auc - 0.02, "ap_sd": 0.02, **metrics}
    info = SimpleNamespace(run_name=name, run_id=f"id-{name}")
    params = {"encoder.type": "sage", "mask.rate": "0.25", "degree_decoder.alpha": "0.0123"}
    data = SimpleNamespace(tags=tags, metrics=values, params=params if kind == "trial" else {})
    return SimpleNamespace(info=info, data=data)


RUNS = [
    run("study", "study", Ending.FINISHED, 0.85),
    run("trial-001", "trial", Ending.FINISHED, 0.81, mcc=0.5),
    run("trial-002", "trial", Ending.STOPPED, 0.95),
    run("trial-003", "trial", Ending.FAILED, 0.99),
    run("trial-004", "trial", None, 0.97),
    run("trial-005", "trial", Ending.FINISHED, 0.85),
    run("counting", "baseline", Ending.FINISHED, 0.83),
]


def chosen(name: str, status: str | None, epoch: int, auc: float, last: float) -> Any:
    """A trial whose score at its chosen epoch is recorded beside that of its last one."""
    at_choice = {"chosen_epoch": float(epoch), "chosen_auc": auc, "chosen_auc_sd": 0.02}
    one = run(name, "trial", status, last, **at_choice)
    one.data.params["training.epochs"] = "300"
    return one


def test_a_stopped_trial_may_win_by_its_score_at_its_chosen_epoch() -> None:
    runs = [
        *RUNS,
        chosen("trial-006", Ending.STOPPED, 60, 0.9, last=0.7),
        chosen("trial-007", Ending.FINISHED, 180, 0.86, last=0.99),
        chosen("trial-008", Ending.KILLED, 180, 0.95, last=0.95),
        chosen("trial-009", None, 180, 0.95, last=0.95),
    ]
    rows = leaderboard_rows(runs)
    best = ["trial-006", "trial-007", "trial-005"]
    assert [row["name"] for row in rows] == [*best, "counting", "trial-001"]
    assert [row["auc"] for row in rows[:3]] == [0.9, 0.86, 0.85]
    assert [row["epoch"] for row in rows[:2]] == [60, 180]
    assert [row["ended"] for row in rows[:4]] == ["stopped early", *["finished"] * 2, None]
    # A training of these parameters scores what the row says.
    assert [row["params"]["training.epochs"] for row in rows[:2]] == ["60", "180"]
    assert (rows[0]["auc_sd"], rows[0]["ap"]) == (0.02, None)  # its last AP is of another epoch
    console = Console(width=80)
    with console.capture() as capture:
        console.print(leaderboard_table(rows, title="a study"))
    assert "0.9000 ± 0.0200 – 60† sage" in " ".join(capture.get().split())
    assert "† stopped early" in capture.get()


def test_of_an_older_record_only_full_budget_trials_and_baselines_are_ranked() -> None:
    rows = leaderboard_rows(RUNS)
    assert [row["name"] for row in rows] == ["trial-005", "counting", "trial-001"]
    assert [row["kind"] for row in rows] == ["trial", "baseline", "trial"]
    assert rows[2]["mcc"] == 0.5
    assert rows[1]["mcc"] is None


def test_it_is_a_table_with_a_row_a_place() -> None:
    frame = leaderboard_frame(leaderboard_rows(RUNS))
    assert frame["name"].tolist() == ["trial-005", "counting", "trial-001"]
    assert frame.index.tolist() == [1, 2, 3]
    assert frame.loc[3, "mcc"] == 0.5
    assert math.isnan(frame.loc[2, "mcc"])
    assert frame.loc[1, "mask.rate"] == 0.25  # a number, which MLflow keeps as text
    assert frame.columns[-1] == "run_id"
    assert leaderboard_frame([]).empty


def test_endings_are_counted() -> None:
    expected = {"finished": 2, "stopped early": 1, "failed": 1, "running": 1}
    assert count_endings(RUNS) == expected


@pytest.mark.parametrize(
    ("baseline", "said"),
    [(0.83, "trial-005 is 0.0200 AUC above counting"), (0.88, "A baseline wins: counting")],
)
def test_verdict(baseline: float, said: str) -> None:
    runs = [*RUNS[:-1], run("counting", "baseline", Ending.FINISHED, baseline)]
    assert said in verdict(leaderboard_rows(runs))


def test_the_table_fits_a_terminal_and_keeps_every_baseline() -> None:
    longest = "matrix factorisation (NRLMF)"
    runs = [*RUNS, run(longest, "baseline", Ending.FINISHED, 0.3)]
    runs.append(run(f"trial-006{PUBLISHED}", "trial", Ending.FINISHED, 0.2))
    console = Console(width=80)
    with console.capture() as capture:
        console.print(leaderboard_table(leaderboard_rows(runs), title="a study", top=1))
    shown = capture.get()
    for part in (
        longest,
        PUBLISHED,
        "trial-005",
        "counting",
        "0.8500 ± 0.0100",
        "sage",
        "0.0123",
    ):
        assert part in shown
    assert "trial-001" not in shown


def test_a_single_fold_is_shown_without_a_spread() -> None:
    console = Console(width=80)
    rows = leaderboard_rows([run("counting", "baseline", Ending.FINISHED, 0.83, auc_sd=math.nan)])
    with console.capture() as capture:
        console.print(leaderboard_table(rows, title="a study"))
    assert "0.8300" in capture.get()
    assert "±" not in capture.get().split("AP")[1]
