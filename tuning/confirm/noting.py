"""What a confirmation leaves on the registered version and on the study's run."""

from __future__ import annotations

import json
from typing import Any

from tuning.confirm.optimism import Optimism
from tuning.confirm.sealed import WARNING, SealedComparison
from tuning.record.finished_study import FinishedStudy
from tuning.record.notes import confirmed_note, first_note
from tuning.record.study_record import NOTE
from tuning.registry.champion import fold_tags
from tuning.registry.verdict import Measured, Verdict


def outcome_tags(
    study: FinishedStudy,
    chosen: Measured,
    rows: list[dict[str, Any]],
    ratio: float,
    sealed: SealedComparison | None,
) -> dict[str, str]:
    """What the registered version's tags keep, see `versions.confirm_version`."""
    row = next(row for row in rows if row["name"] == chosen.name)
    tags = {
        f"fresh_{study.metric}": repr(row[f"confirmed_{study.metric}"]),
        f"fresh_{study.metric}_se": repr(row["standard_error"]),
        **fold_tags(study.metric, chosen.score, ratio, study.seed),
    }
    if sealed:
        tags |= sealed.tags(study.metric)
    own = study.record.client.get_run(study.record.run_id).data.tags
    return tags | ({WARNING: own[WARNING]} if WARNING in own else {})


def renew_notes(study: FinishedStudy, said: str, model: str) -> None:
    """Put what was concluded first on MLflow's pages of the study, and what to type now last.

    Args:
        said: of `conclusion`.
        model: the version for use, as `predict` takes it.
    """
    client, record = study.record.client, study.record
    own = client.get_run(record.run_id).data.tags.get(NOTE, "")
    client.set_tag(record.run_id, NOTE, confirmed_note(own, said, study.name, model))
    experiment = client.get_experiment(record.experiment_id).tags.get(NOTE, "")
    client.set_experiment_tag(record.experiment_id, NOTE, f"{said} {first_note(experiment)}")


def record_outcome(
    study: FinishedStudy, tags: dict[str, str], verdict: Verdict, found: Optimism | None
) -> None:
    """The outcome as metrics and tags of the study's own run."""
    client, run_id = study.record.client, study.record.run_id
    fresh, confirmed = f"fresh_{study.metric}", f"confirmed_{study.metric}"
    figures = [fresh, f"{fresh}_se", confirmed, f"{confirmed}_low", f"{confirmed}_high"]
    for key in figures:
        if key in tags:
            client.log_metric(run_id, key, float(tags[key]))
    if found is not None:
        client.log_metric(run_id, "search_optimism", found.winner.value)
    client.set_tag(run_id, "confirmed", verdict.chosen)
    client.set_tag(run_id, "tied_with_best", json.dumps(verdict.tied))
    client.set_tag(run_id, "winning_baselines", json.dumps(verdict.winning_baselines))
