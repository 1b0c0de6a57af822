"""What a report says, read back from MLflow: one JSON document, drawn by `tuning.report.page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.data.kinds import Kinds, as_record, in_words_of, of_record
from model.errors import InputError
from model.evaluation.protocols import protocol
from search_spaces.schema import SearchSpace
from tuning.ending import Ending
from tuning.metric import recorded_metric
from tuning.record.client import mlflow_client
from tuning.record.fidelity import rank_correlations
from tuning.record.identity import study_experiment
from tuning.record.leaderboard import (
    chosen_epoch,
    count_endings,
    is_ranked,
    leaderboard_rows,
    ranking_scores,
)
from tuning.record.leaderboard import verdict as development_verdict
from tuning.record.study_record import CONFIRMATION, TRIALS, recorded_json, runs_of
from tuning.registry.conclusion import conclusion, tied_with_best
from tuning.report.importance import importances
from tuning.report.winner import top_pairs, try_curves

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from model.data.datasets import AssociationDataset

_AT_ONCE = 8  # requests for curves: a server answers several in the time of one


def read_report(
    name: str, data: str | None, data_dir: Path, dataset: AssociationDataset | None = None
) -> dict[str, Any]:
    """Everything the report of a study says.

    The score of a trial, and the values of its curve, have the name of the study's ``metric``. The
    score of a ranked trial is the one at the epoch chosen from its curve, ``chosen``.
    What is not there is None, and ``missing`` says why in a sentence per part.

    Args:
        data: where the data set is, if it is the user's own; needed for the curves of the winner.
        dataset: the study's data, if they are at hand; else they are loaded.

    Raises:
        InputError: there is no such study, or it has not got as far as a first trial.
    """
    client = mlflow_client()
    experiment = study_experiment(client, name)
    runs = runs_of(
        client,
        experiment.experiment_id,
        # A confirmation's children are in its document; a large study has many.
        "tags.kind != 'confirm'",
    )
    own = next((run for run in runs if run.data.tags.get("kind") == "study"), None)
    if own is None or not any(run.data.tags.get("kind") == "trial" for run in runs):
        raise InputError(f"{name!r} has no trial yet: there is nothing to report", where="study")
    run_id, tags = own.info.run_id, experiment.tags
    space_document = recorded_json(client, run_id, "search_space.json")
    if space_document is None:
        raise InputError(f"{name!r} left no search space in its record", where="study")
    space = SearchSpace.model_validate(space_document)
    metric, kinds = recorded_metric(tags), of_record(tags.get("kinds"))
    trials = _trials(client, runs, metric)
    finished = [one for one in trials if one["status"] == Ending.FINISHED]
    rows = leaderboard_rows(runs)
    confirmation = recorded_json(client, run_id, CONFIRMATION)
    missing: dict[str, str] = {}
    importance = importances(space, [one for one in trials if one["ranked"]], metric, missing)
    winner = _winner(rows, confirmation)
    curves = try_curves(name, winner, data, data_dir, dataset, missing) if winner else None
    version, pairs = top_pairs(client, run_id, confirmation, data, data_dir, missing)
    rungs = space.schedule.rungs(int(own.data.params["max_epochs"]))
    return {
        "study": name,
        "dataset": tags["dataset"],
        "data_hash": tags["data_hash"],
        "kinds": as_record(kinds),
        "metric": metric,
        "protocol": _protocol(client, run_id, tags["protocol"], kinds),
        "space": {"name": tags["space"], **space.model_dump(mode="json")},
        "seed": int(tags["seed"]),
        "start_points": tags.get("start_points"),
        "mmatune_version": tags["mmatune_version"],
        "status": own.data.tags.get("status", "running"),
        "started": own.info.start_time,
        "ended": own.info.end_time,
        "endings": count_endings(runs),
        "planned_trials": int(own.data.tags.get(TRIALS, own.data.params["trials"])),
        "trials": trials,
        "rows": rows,
        "winner": winner,
        "development_verdict": development_verdict(rows, metric),
        "conclusion": conclusion(confirmation) if confirmation else None,
        "tied": tied_with_best(confirmation) if confirmation else None,
        "confirmation": confirmation,
        "sealed_opened": own.data.tags.get("sealed_opened"),
        "importance": importance,
        "rungs": [_rung(trials, epoch) for epoch in rungs],
        "fidelity": rank_correlations(
            [
                dict(zip(one["curve"]["epochs"], one["curve"][metric], strict=True))
                for one in finished
            ],
            rungs,
        ),
        "curves": curves,
        "calibration": recorded_json(client, run_id, "calibration.json"),
        "model": version,
        "top_pairs": pairs,
        "missing": missing,
    }


def _trials(client: MlflowClient, runs: Sequence[Any], metric: str) -> list[dict[str, Any]]:
    """Every trial in the order of suggestion, with its curve."""
    found = [run for run in runs if run.data.tags.get("kind") == "trial"]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        curves = list(
            pool.map(lambda run: client.get_metric_history(run.info.run_id, metric), found)
        )
    return [
        {
            "name": run.info.run_name,
            "run_id": run.info.run_id,
            "status": run.data.tags.get("status", "running"),
            metric: ranking_scores(run).get(metric),
            "ranked": is_ranked(run),
            "chosen": chosen_epoch(run) if is_ranked(run) else None,
            "seconds": run.data.metrics.get("seconds"),
            "epochs": max((point.step for point in curve), default=0),
            "ended": run.info.end_time,
            "params": dict(run.data.params),
            "curve": {
                "epochs": [point.step for point in curve],
                metric: [point.value for point in curve],
            },
        }
        for run, curve in zip(found, curves, strict=True)
    ]


def _rung(trials: Sequence[Mapping[str, Any]], epoch: int) -> dict[str, int]:
    """How many trials came to a rung and how many of them ended there."""
    reached = [one for one in trials if one["epochs"] >= epoch]
    ended_here = [one for one in reached if one["epochs"] == epoch]
    stopped = sum(one["status"] == Ending.STOPPED for one in ended_here)
    return {"epoch": epoch, "reached": len(reached), "stopped": stopped}


def _winner(
    rows: Sequence[dict[str, Any]], confirmation: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """The row of the trial that the confirmation chose or, before one, of the best trial."""
    trials = [row for row in rows if row["kind"] == "trial"]
    chosen = confirmation["chosen"] if confirmation else None
    return next((row for row in trials if row["name"] == chosen), trials[0] if trials else None)


def _protocol(client: MlflowClient, run_id: str, name: str, kinds: Kinds) -> dict[str, Any]:
    """What the protocol's score means, in the words of the time when the study was made.

    ``groups`` are (name, group) pairs where the study had a file of its own, else None.
    """
    document = recorded_json(client, run_id, "protocol.json")
    if document is None:
        return {
            "name": name,
            "meaning": protocol(name).in_words_of(kinds).meaning,
            "groups": None,
        }
    groups = None if isinstance(document["grouping"], str) else document["grouping"]
    return {"name": name, "meaning": in_words_of(document["meaning"], kinds), "groups": groups}
