"""What MLflow says of a study to people: what it is, how to compare its runs, what to type next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from model.data.catalogue import NAMES
from tuning.record.leaderboard import PUBLISHED, verdict
from tuning.record.study_record import chosen
from tuning.record.views import CONFIRMED, LEADERBOARD, TRIALS, view_path
from tuning.starts import told

if TYPE_CHECKING:
    from tuning.plan import StudyPlan

_SEARCH, _VERDICT, _NEXT = "Search by mmatune", "**Verdict.** ", "**Next**"


def experiment_note(plan: StudyPlan, experiment_id: str) -> str:
    """What stands above the study's runs, and as plain text in the list of experiments."""
    shared = f"data set {plan.dataset.name}, protocol {plan.protocol.name}, space {plan.space_name}"
    return f"{_SEARCH}: {shared}, {plan.trials} trials. {_links(experiment_id)}"


def study_note(plan: StudyPlan, experiment_id: str, rows: Sequence[dict[str, Any]]) -> str:
    """What is said on the page of the study's run.

    Args:
        rows: of the leaderboard; none while the study runs.
    """
    tune = f"mmatune tune {plan.dataset.name} --name {plan.name} --resume"
    own = "" if plan.dataset.name in NAMES else f" --data {plan.dataset.name}"
    done = [f"mmatune confirm {plan.name}{own}", f"mmatune report {plan.name}{own}"]
    winner = next((row for row in rows if row["kind"] == "trial"), None)
    if winner:
        data = "" if plan.dataset.name in NAMES else f" {plan.dataset.name}"
        trial = winner["name"].partition(" ")[0]
        done.append(f"mmatune train{data} --from-run {plan.name}/{trial}")
    commands = "\n".join(f"    {line}" for line in (done if rows else [tune]))
    meaning = plan.protocol.in_words_of(plan.dataset.kinds).meaning
    outcome = verdict(rows, plan.metric, plan.dataset.kinds) if rows else "It has not ended yet."
    # The links come first: of a long note the page shows the beginning, three lines or so.
    return f"""\
{_links(experiment_id)}{_pair(experiment_id, rows)}

{_VERDICT}{outcome}

Search of the data set **{plan.dataset.name}** under the protocol **{plan.protocol.name}**, space \
**{plan.space_name}**, {plan.trials} trials.

**Start points**: {told(plan.start_points())}.

**What `{chosen(plan.metric)}` says.** {meaning} It is the mean over the development \
folds at the epoch chosen from the trial's curve, and the search chose by it, so the best one is \
optimistic. Trials that finished or were stopped early are ranked alike, beside baselines on the \
same folds. No score of another protocol or data set compares.

**Under Artifacts**: `report.html`, `leaderboard.json`, `folds.json` (which pairs each fold trains \
on and ranks), `protocol.json`, `search_space.json`.

{_NEXT}

{commands}
"""


def confirmed_note(note: str, said: str, study: str, model: str) -> str:
    """A study's note once it is confirmed; one of an earlier version too.

    Args:
        note: of `study_note`, or of an earlier confirmation.
        said: what the confirmation concluded.
        model: the version for use, as `predict` takes it.
    """
    paragraphs = note.split("\n\n")
    note = "\n\n".join(one for one in paragraphs if not one.startswith(_VERDICT))
    before = note.rpartition(_NEXT)[0] or note
    commands = [f"mmatune predict {model} --all --out pairs.csv", f"mmatune report {study}"]
    lines = "\n".join(f"    {line}" for line in commands)
    return f"{_VERDICT}{said}\n\n{before.rstrip()}\n\n{_NEXT}\n\n{lines}\n"


def first_note(note: str) -> str:
    """An experiment's note without what a confirmation put before it."""
    return note[max(0, note.find(_SEARCH)) :]


def _links(experiment_id: str) -> str:
    """The views, for a note."""
    return " · ".join(
        f"[{text}]({view_path(experiment_id, view, charts=charts)})"
        for text, view, charts in (
            ("Leaderboard", LEADERBOARD, False),
            ("parallel coordinates", LEADERBOARD, True),
            ("curves of all trials", TRIALS, True),
            ("fresh splits, after `mmatune confirm`", CONFIRMED, False),
        )
    )


def _pair(experiment_id: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A link that compares the winner with the published settings, else with the next trial."""
    trials = [row for row in rows if row["kind"] == "trial"]
    if len(trials) < 2:
        return ""
    others = [row for row in trials[1:] if row["name"].endswith(PUBLISHED)]
    other = others[0] if others else trials[1]
    runs = quote(json.dumps([trials[0]["run_id"], other["run_id"]]))
    query = f"runs={runs}&experiments={quote(json.dumps([experiment_id]))}"
    address = f"#/compare-runs?{query}&workflowType=machine_learning"
    return f" · [{trials[0]['name']} beside {other['name']}]({address})"
