"""`bench store`: what reading a full tracking store costs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import optuna

from model.baselines.registry import core
from model.data.datasets import AssociationDataset
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import HONEST
from search_spaces.distributions import suggest
from search_spaces.schema import SearchSpace
from tuning.bench.measuring import Figure, document
from tuning.ending import Ending
from tuning.home import artifact_root, tracking_uri
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.leaderboard import leaderboard_rows
from tuning.record.study_list import list_studies, outcome_tags
from tuning.record.study_record import StudyRecord, runs_of

_ROWS_AT_ONCE = 20_000  # in one statement
_FINISHED = 0.2  # share of the trials that reach their full budget, as ASHA leaves it
_CURVES = (*METRICS, *(f"{name}_sd" for name in METRICS), "loss", "seconds", "device_seconds")
_BEGAN = 1_700_000_000_000  # milliseconds


def bench_store(
    dataset: AssociationDataset,
    space: SearchSpace,
    *,
    runs: int,
    trials: int,
    repeats: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Seconds to list studies, to show one and to report one, in a store of ``runs`` runs.

    The store is SQLite in a folder of its own, removed afterwards; scores in it mean nothing.

    Args:
        trials: of each study; there are as many studies as it takes.
    """
    from tuning.record.leaderboard import study_leaderboard
    from tuning.report.page import render
    from tuning.report.reading import read_report

    names = [f"study-{number:03d}" for number in range(max(1, runs // trials))]
    before = os.environ.get("MMATUNE_HOME")
    with tempfile.TemporaryDirectory(prefix="mmatune-") as home:
        os.environ["MMATUNE_HOME"] = home
        try:
            for number, name in enumerate(names):
                progress(f"writing study {number + 1} of {len(names)} ...")
                fill_study(StudyPlan(name, dataset, HONEST, "full", space, trials, seed=number))
            actions: dict[str, Callable[[], Any]] = {
                "list": list_studies,
                "leaderboard": lambda: study_leaderboard(names[0]),
                "report": lambda: render(read_report(names[0], None, Path(home))),
            }
            seconds: dict[str, list[float]] = {name: [] for name in actions}
            for turn in range(repeats):
                progress(f"turn {turn + 1} of {repeats} ...")
                for name, action in actions.items():
                    started = time.perf_counter()
                    action()
                    seconds[name].append(time.perf_counter() - started)
        finally:
            if before is None:
                del os.environ["MMATUNE_HOME"]
            else:
                os.environ["MMATUNE_HOME"] = before
    figures = [Figure.of(name, values, "s") for name, values in seconds.items()]
    about = {"runs": len(names) * trials, "studies": len(names), "trials": trials}
    return {**document(figures, {}), "store": about}


def fill_study(plan: StudyPlan) -> None:
    """Write an ended study to the embedded store, past MLflow's client, which takes minutes."""
    from mlflow.store.tracking.dbmodels import models
    from sqlalchemy import create_engine, insert

    client = mlflow_client()
    record = StudyRecord.create(
        client,
        plan.name,
        tags=plan.tags(),
        params={"trials": plan.trials, "max_epochs": plan.space.max_epochs},
        artifact_location=artifact_root() / plan.name,
    )
    record.log_json(record.run_id, plan.space.model_dump(), "search_space.json")
    record.log_json(record.run_id, asdict(plan.protocol), "protocol.json")
    runs = list(_runs(plan, record))
    engine = create_engine(tracking_uri())
    with engine.begin() as connection:
        for model, rows in (
            (models.SqlRun, _run_rows(runs, record)),
            (models.SqlTag, _text_rows(runs, "tags")),
            (models.SqlParam, _text_rows(runs, "params")),
            (models.SqlMetric, _metric_rows(runs, last_only=False)),
            (models.SqlLatestMetric, _metric_rows(runs, last_only=True)),
        ):
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                connection.execute(insert(model), some)
    engine.dispose()
    written = runs_of(client, record.experiment_id)
    board = leaderboard_rows(written)
    record.log_json(record.run_id, board, "leaderboard.json")
    record.log_metrics(record.run_id, next(row for row in board if row["kind"] == "trial"), step=0)
    record.set_tags(record.run_id, outcome_tags(written))
    record.close(record.run_id, Ending.FINISHED)


def _runs(plan: StudyPlan, record: StudyRecord) -> Iterator[dict[str, Any]]:
    """Baselines and trials: ``tags``, ``params``, ``epochs`` of the points, ``points`` (E, C)."""
    draw = np.random.default_rng(plan.seed)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=plan.seed))
    names = [*core(), *(f"trial-{number:03d}" for number in range(1, plan.trials + 1))]
    for place, name in enumerate(names):
        ended, epochs, params = Ending.FINISHED, [0], dict[str, Any]()
        if name not in core():
            configuration = plan.space.configuration(suggest(plan.space, study.ask()))
            params, budget = configuration.dotted(), configuration.training.epochs
            stops, last = plan.space.schedule.rungs(budget), budget
            if stops and place > len(core()) and draw.uniform() > _FINISHED:
                last, ended = int(draw.choice(stops)), Ending.STOPPED
            every = plan.space.schedule.report_every
            epochs = sorted({*range(every, last + 1, every), last})
        own = {"kind": "baseline" if name in core() else "trial", "status": ended.value}
        own |= {"mlflow.runName": name, "mlflow.parentRunId": record.run_id}
        yield {
            "id": uuid4().hex,
            "name": name,
            "status": "FINISHED" if ended is Ending.FINISHED else "KILLED",
            "tags": {**plan.tags(), **own},
            "params": params,
            "epochs": epochs,
            "points": draw.uniform(0.5, 1, (len(epochs), len(_CURVES))),
        }


def _run_rows(runs: list[dict[str, Any]], record: StudyRecord) -> Iterator[dict[str, Any]]:
    for number, run in enumerate(runs):
        yield {
            "run_uuid": run["id"],
            "name": run["name"],
            "status": run["status"],
            "start_time": _BEGAN + 1000 * number,
            "end_time": _BEGAN + 1000 * number + 500,
            "lifecycle_stage": "active",
            "artifact_uri": f"{artifact_root().as_uri()}/{run['id']}",
            "experiment_id": int(record.experiment_id),
            "user_id": "",
            "source_name": "",
            "source_version": "",
            "entry_point_name": "",
        }


def _text_rows(runs: list[dict[str, Any]], what: str) -> Iterator[dict[str, Any]]:
    for run in runs:
        for key, value in run[what].items():
            yield {"run_uuid": run["id"], "key": key, "value": str(value)}


def _metric_rows(runs: list[dict[str, Any]], *, last_only: bool) -> Iterator[dict[str, Any]]:
    for run in runs:
        points = list(zip(run["epochs"], run["points"], strict=True))
        for epoch, values in points[-1:] if last_only else points:
            for name, value in zip(_CURVES, values.tolist(), strict=True):
                yield {
                    "run_uuid": run["id"],
                    "key": name,
                    "value": value,
                    "timestamp": _BEGAN + epoch,
                    "step": epoch,
                    "is_nan": False,
                }
