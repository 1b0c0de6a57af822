"""The scores of a study, as every command shows them."""

from __future__ import annotations

from typing import Any

from tuning.console import console


def show_scores(document: dict[str, Any]) -> None:
    """The leaderboard, what it says, and how far early scores can be trusted.

    Args:
        document: the one of `mmatune tune --json`, or at least its ``study``, ``dataset``,
            ``protocol``, ``rows`` and ``fidelity``.
    """
    from tuning.record.fidelity import fidelity_line
    from tuning.record.leaderboard import leaderboard_table, verdict

    title = f"{document['study']}: {document['dataset']}, protocol {document['protocol']}"
    console.print(leaderboard_table(document["rows"], title=f"{title}, development folds"))
    console.print(verdict(document["rows"]))
    console.print(fidelity_line(document["fidelity"]))
