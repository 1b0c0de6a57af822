"""`mmatune promote`: make a study's confirmed model the champion."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated, Any

import typer

from model.errors import InputError
from tuning.commands.confirm import AcrossOption
from tuning.console import JsonOption, console, print_json


def promote(
    study: Annotated[str, typer.Argument(help="Name of the study, see `mmatune study list`.")],
    across: AcrossOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move `champion` to the version that the study's confirmation chose.

    `mmatune confirm` does so by itself; this is for later, when the alias was taken away or given
    to another version. It is refused, with the reason, where the confirmation does not support it.
    It goes to the version that is trained on all associations, where there is one.

    Example: `mmatune promote dataset2-20260101-120000`
    """
    from tuning.metric import recorded_metric
    from tuning.registry.versions import find_refit, promote_version, resolve

    confirmation = _confirmation(study)
    name, number = confirmation["model"]["model"], int(confirmation["model"]["version"])
    tags = resolve(f"{name}/{number}").tags
    # Version 0.1.0 trained no model on everything, and its confirmations name none.
    with_refit = bool(confirmation["sealed"]) and "refit" in confirmation
    if f"fresh_{recorded_metric(tags)}" not in tags or (
        with_refit and find_refit(name, number) is None
    ):
        raise InputError(
            f"the confirmation of {study!r} was interrupted before it was done with"
            f" {name}/{number}",
            where="study",
            hint=f"`mmatune confirm {study}` does it again",
        )
    ahead = _baselines_ahead(confirmation)
    command = None if across else shlex.join(["mmatune", "promote", study, "--across"])
    found = promote_version(name, number, ahead, command)
    if not found.is_champion or ahead:
        raise InputError(
            f"{name}/{number} may not be champion: {found.reason}",
            where=f"study {study}",
            hint="search further, or confirm another study",
        )
    if as_json:
        print_json(asdict(found))
    console.print(f"Model: {found.model}/{found.version}; {found.reason}.", markup=False)


def _baselines_ahead(confirmation: dict[str, Any]) -> list[str]:
    """Baselines with a higher mean than the chosen one, from the rows, which are best first."""
    names = [row["name"] for row in confirmation["rows"]]
    above = confirmation["rows"][: names.index(confirmation["chosen"])]
    return [row["name"] for row in above if row["kind"] == "baseline"]


def _confirmation(study: str) -> dict[str, Any]:
    """What the study's confirmation left in its record."""
    from tuning.record.client import mlflow_client
    from tuning.record.identity import study_experiment
    from tuning.record.study_record import recorded_confirmation

    client = mlflow_client()
    found = recorded_confirmation(client, study_experiment(client, study).experiment_id)
    if found is not None:
        return found
    raise InputError(
        f"{study!r} is not confirmed: nobody knows whether its model beats the baselines",
        where="study",
        hint=f"`mmatune confirm {study}` finds out",
    )
