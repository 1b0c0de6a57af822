"""The scores of a study, as every command shows them."""

from __future__ import annotations

from typing import Any

from tuning.console import console


def show_scores(document: dict[str, Any]) -> None:
    """The leaderboard, what it says, and how far early scores can be trusted.

    Args:
        document: the one of `mmatune tune --json`, or at least its ``study``, ``dataset``,
            ``kinds``, ``protocol``, ``metric``, ``rows`` and ``fidelity``; one of a version before
            0.2.0 has neither ``kinds`` nor ``metric``.
    """
    from model.data.kinds import of_record
    from tuning.metric import AUC
    from tuning.record.fidelity import fidelity_line
    from tuning.record.leaderboard import leaderboard_table, verdict

    title = f"{document['study']}: {document['dataset']}, protocol {document['protocol']}"
    title, metric, rows = (
        f"{title}, development folds",
        document.get("metric", AUC),
        document["rows"],
    )
    kinds = of_record(document.get("kinds"))
    console.print(leaderboard_table(rows, title=title, metric=metric, kinds=kinds))
    console.print(verdict(rows, metric, kinds))
    console.print(fidelity_line(document["fidelity"], metric, kinds))
