"""What MLflow's pages say of a study once it is confirmed."""

from __future__ import annotations

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.loading import load_space
from tuning.plan import StudyPlan
from tuning.record.notes import confirmed_note, experiment_note, first_note, study_note


def test_a_confirmation_renews_the_note() -> None:
    plan = StudyPlan("s", demo(), HONEST, "faithful", load_space("faithful"), 4)
    row = {"name": "trial-001", "kind": "trial", "auc": 0.8, "run_id": "r", "params": {}}
    note = study_note(plan, "1", [row, {**row, "name": "ridge", "kind": "baseline", "auc": 0.7}])
    assert note.startswith("[Leaderboard]")
    assert "\n\n**Verdict.** trial-001 is 0.1000 AUC above ridge" in note
    assert "mmatune confirm s" in note
    for said in ("It is ahead.", "It is behind."):
        note = confirmed_note(note, said, "s", "demo/2")
        assert note.startswith(f"**Verdict.** {said}\n\n[Leaderboard]")
        assert "mmatune confirm s" not in note.partition("**Next**")[2]
        assert "mmatune predict demo/2 --all --out pairs.csv" in note
        assert "trial-001 is 0.1000" not in note
    assert note.count("**Next**") == note.count("**Verdict.**") == 1
    # Of an earlier version, which put no verdict first.
    old = confirmed_note("[Leaderboard](#)\n\n**Next**\n\n    x\n", "It is ahead.", "s", "demo/2")
    assert old.startswith("**Verdict.** It is ahead.\n\n[Leaderboard](#)\n\n**Next**")


def test_an_experiments_note_is_found_behind_a_verdict() -> None:
    plan = StudyPlan("s", demo(), HONEST, "faithful", load_space("faithful"), 4)
    note = experiment_note(plan, "1")
    assert first_note(f"It is ahead. {note}") == first_note(note) == note
