"""What a confirmation means, in one sentence that every view shows, and what it left tied."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from model.data.kinds import of_record
from tuning.metric import AUC, metric_label
from tuning.registry.verdict import ALPHA

CONCLUSION = "conclusion"  # key of a confirmation's document, and tag of a version
ENOUGH_SPLITS = 10  # more of them add little: what their training parts share stays


def conclusion(document: Mapping[str, Any]) -> str:
    """How far the chosen model is ahead of the best baseline, whether that can be told, what to do.

    Args:
        document: of `Confirmation.document`, this version's or an earlier one's.
    """
    chosen, metric = document["chosen"], document.get("metric", AUC)
    label = metric_label(metric, of_record(document.get("kinds")))
    compared = {one["name"]: one for one in document["chosen_comparisons"]}
    baselines = [
        row["name"]
        for row in document["rows"]  # best first
        if row["kind"] == "baseline" and row["name"] in compared
    ]
    if not baselines:
        return f"No baseline was measured beside {chosen}: whether it is any good is not known."
    best = compared[baselines[0]]
    lead, p = best["difference"], best["p_holm"]
    shown = f"{abs(lead):.4f} {label} {'ahead of' if lead > 0 else 'behind'} {best['name']}"
    said = f"{chosen} is {shown}, the best baseline (p {p:.2g})"
    count = document["splits"]
    splits = f"{count} fresh splits" if count > 1 else "one fresh split"
    telling = f"{splits} tell{'' if count > 1 else 's'} them apart"
    if p < ALPHA and lead > 0:
        untold = [name for name in baselines[1:] if compared[name]["p_holm"] >= ALPHA]
        but = f", though not from {' and '.join(untold)}" if untold else ""
        return f"{said}; {telling}{but}: use the model."
    if p < ALPHA:
        return f"{said}; {telling}: use {best['name']}, or search further."
    more = f"`{_more_splits(document)}`"
    if document["splits"] >= ENOUGH_SPLITS:
        more = "a further search"
    if lead > 0:
        return f"{said}, but {splits} cannot tell them apart: try {more}, or use the simpler one."
    return f"{said}; {splits} cannot tell them apart: use {best['name']}, or try {more}."


def tied_with_best(document: Mapping[str, Any]) -> list[str]:
    """Trials and baselines that the fresh splits cannot tell from the best trial, best first.

    Documents before 0.3.0 leave the baselines out of their ``tied``, so it is read anew.
    """
    told_apart = {one["name"] for one in document["comparisons"] if one["p_holm"] < ALPHA}
    compared = {one["name"] for one in document["comparisons"]} | {document["best"]}
    names = [row["name"] for row in document["rows"]]
    return [name for name in names if name in compared and name not in told_apart]


def _more_splits(document: Mapping[str, Any]) -> str:
    splits = str(ENOUGH_SPLITS)
    return shlex.join(["mmatune", "confirm", document["study"], "--splits", splits])
