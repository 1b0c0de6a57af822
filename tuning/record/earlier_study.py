"""Start points from an earlier study: its best trials, where they may be used."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.folds import development_pairs
from model.evaluation.protocol_names import is_same_protocol
from model.evaluation.protocols import Protocol
from search_spaces.schema import SearchSpace
from tuning.console import console
from tuning.record.client import mlflow_client
from tuning.record.finished_study import configuration_from_params, recorded_protocol
from tuning.record.identity import study_experiment
from tuning.record.leaderboard import leaderboard_rows
from tuning.record.study_record import runs_of
from tuning.starts import Start, outside

if TYPE_CHECKING:
    from mlflow import MlflowClient

BEST = 3  # points; a search has some 24
_OPTION = "--start-from"
_MEND = "give its --protocol and --seed, which seal the same, or leave --start-from out"


def best_of(
    study: str, space: SearchSpace, dataset: AssociationDataset, protocol: Protocol, seed: int
) -> tuple[Start, ...]:
    """The best distinct points of an earlier study that lie in the space, best first.

    A point that does not lie in it is left out, and the console says so.

    Args:
        space, dataset, protocol, seed: of the study that begins.

    Raises:
        InputError: there is no such study, it has no such point, or it was searched on
            associations that the new one seals.
    """
    client = mlflow_client()
    experiment = study_experiment(client, study, _OPTION)
    tags = experiment.tags
    runs = runs_of(client, experiment.experiment_id)
    own = next(run for run in runs if run.data.tags.get("kind") == "study")
    history = f"the best of study {study} ({tags['dataset']}, {tags['protocol']}, seed "
    history += f"{tags['seed']}){_shared(client, own.info.run_id, tags, dataset, protocol, seed)}"
    starts: list[Start] = []
    for row in leaderboard_rows(runs):
        if row["kind"] != "trial" or len(starts) == BEST:
            continue
        values = configuration_from_params(row["params"]).dotted()
        if amiss := outside(space, values):
            console.print(
                f"{row['name']} of {study} is left out, it is outside the space:"
                f" {', '.join(amiss)}",
                markup=False,
                soft_wrap=True,
            )
            continue
        start = Start(f"from {study}", space.point(values), history)
        if start not in starts:
            starts.append(start)
    if not starts:
        raise InputError(
            f"{study!r} has no finished trial in this space",
            where=_OPTION,
            hint="leave it out, or search the space that it did",
        )
    return tuple(starts)


def _shared(
    client: MlflowClient,
    run_id: str,
    tags: Mapping[str, str],
    dataset: AssociationDataset,
    protocol: Protocol,
    seed: int,
) -> str:
    """What is to be said where both studies see the same associations.

    Raises:
        InputError: the earlier one saw some that this one seals.
    """
    same_data = tags["data_hash"] == dataset.content_hash
    same_protocol = is_same_protocol(tags["protocol"], protocol.name)
    if same_data and same_protocol and tags["seed"] == str(seed):
        return ""
    now = _named(dataset, development_pairs(dataset, protocol, seed))
    sealed = _named(dataset, dataset.association_pairs) - now
    if same_data:
        earlier = recorded_protocol(client, run_id)
        seen = _named(dataset, development_pairs(dataset, earlier, int(tags["seed"])))
    else:
        seen = _recorded_pairs(client, run_id)
    if overlap := len(seen & sealed):
        raise InputError(
            f"{tags['study']!r} was searched on {overlap} associations that this study seals, so"
            " their score would have chosen its points",
            where=_OPTION,
            hint=_MEND if same_data else "leave it out, or use a protocol that seals nothing",
        )
    if seen & now:
        return ": chosen on associations of these data, so its score here is optimistic"
    return "" if seen else ": its associations are not recorded and were not compared with these"


def _named(dataset: AssociationDataset, pairs: Any) -> set[tuple[str, str]]:
    return {(dataset.rows[row].lower(), dataset.columns[column].lower()) for row, column in pairs}


def _recorded_pairs(client: MlflowClient, run_id: str) -> set[tuple[str, str]]:
    """The development associations of a study by name, if its folds were recorded."""
    if "folds.json" not in {file.path for file in client.list_artifacts(run_id)}:
        return set()
    with tempfile.TemporaryDirectory(prefix="mmatune-") as folder:
        path = client.download_artifacts(run_id, "folds.json", folder)
        folds = json.loads(Path(path).read_text(encoding="utf-8"))["folds"]
    return {
        (first.lower(), second.lower())
        for fold in folds
        for first, second in (*fold["train"], *fold["held_out"])
    }
