"""What a study's driver costs: a real search by Ray Tune whose trials replay curves and sleep.

The driver is all of it real: Ray Tune, TPE, ASHA, Optuna's database, the record. Only the training
is left out, so that a few cores hold many trials.
"""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import tuning.search.trial
from model.data.synthetic import demo
from model.evaluation.epoch_choice import Choice
from model.evaluation.metrics.table import METRICS
from model.evaluation.protocols import HONEST, development_folds
from search_spaces.schema import SearchSpace
from tuning.bench.measuring import own_home
from tuning.bench.recording import Curve
from tuning.bench.simulation import Cluster, Costs, simulate
from tuning.ending import Ending
from tuning.live import LiveTable
from tuning.metric import AUC

_CHECKPOINT = 200_000  # bytes, as a trial of five folds writes them
_WINDOW = 3  # trials: the driver's time is told apart over the windows between so many ends


@dataclass(frozen=True)
class Driver:
    """What was measured of a driver.

    Args:
        costs: its seconds, and those of a worker's start.
        trials: of the search that was measured.
        reports: that it handled.
        seconds: wall from the first report to the end of the last trial.
        simulated: the same by the simulator, with these costs and the same trials.
        slower: 1 or more; with a driver that takes so many times as long at everything, the
            simulator takes ``seconds``. Whatever the study has waited for is then its doing.
    """

    costs: Costs
    trials: int
    reports: int
    seconds: float
    simulated: float
    slower: float


def measure_driver(
    drawn: Sequence[Curve], space: SearchSpace, *, at_once: int, work: float
) -> Driver:
    """Run a study of as many trials as are drawn, ``at_once`` side by side.

    Seconds of the driver are those of its thread on a processor: on a loaded machine they stay what
    they are. Writing to the disk is not in them.
    """
    clock = _Clock("driver", len(drawn))
    with own_home():
        actor_start = _search(drawn, space, clock, at_once, work)
    trial, growth, report = _attribute(clock.events)
    costs = Costs(
        actor_start=actor_start,
        trial_start=float(np.median([curve.setup for curve in drawn])),
        trial=trial,
        trial_growth=growth,
        report=report,
    )
    reports = [event for event in clock.events if event.kind == "report"]
    seconds = clock.events[-1].wall - reports[0].wall
    replayed = [_curve_of(trial_id, drawn) for trial_id in clock.order]

    def simulated(factor: float) -> float:
        # The clock starts after workers have.
        driver = replace(costs, actor_start=0.0, trial_start=0.0).driver_times(factor)
        return simulate(replayed, space, Cluster(at_once), driver, work=work).wall

    return Driver(
        costs,
        trials=len(drawn),
        reports=len(reports),
        seconds=seconds,
        simulated=simulated(1.0),
        slower=_least(lambda factor: simulated(factor) - seconds),
    )


def _least(excess: Callable[[float], float]) -> float:
    """The least number, 1 or more, for which a growing function is not below 0."""
    from scipy.optimize import brentq

    if excess(1.0) >= 0:
        return 1.0
    most = 2.0
    while excess(most) < 0:
        most *= 2
    return float(brentq(excess, 1.0, most, rtol=0.01))


@dataclass(frozen=True)
class _Event:
    kind: str  # start, report or end of a trial
    wall: float
    processor: float  # seconds of the driver's thread


class _Clock(LiveTable):
    """In place of the table a user looks at: when the driver had what."""

    def __init__(self, study: str, trials: int) -> None:
        super().__init__(study, trials, to_beat=("nothing", 0.0))
        self.events: list[_Event] = []
        self.order: list[str] = []

    def start(
        self, trial_id: str, name: str, params: Mapping[str, Any], at: float | None = None
    ) -> None:
        self._note("start")
        self.order.append(trial_id)

    def report(self, trial_id: str, epoch: int, choice: Choice | None) -> None:
        self._note("report")

    def end(self, trial_id: str, ended: Ending) -> None:
        self._note("end")

    def refresh(self) -> None:
        pass

    def _note(self, kind: str) -> None:
        self.events.append(_Event(kind, time.perf_counter(), time.thread_time()))


def _search(
    drawn: Sequence[Curve], space: SearchSpace, clock: _Clock, at_once: int, work: float
) -> float:
    """Run it; seconds that a worker takes to start and to import what a trial needs."""
    import ray

    from tuning.cluster.session import Resources, ray_session
    from tuning.home import artifact_root, study_folder
    from tuning.plan import StudyPlan
    from tuning.record.client import mlflow_client
    from tuning.record.study_record import StudyRecord
    from tuning.search.run import search

    plan = StudyPlan("driver", demo(), HONEST, "replayed", space, len(drawn), seed=0)
    folds = development_folds(plan.dataset, HONEST, seed=0)
    record = StudyRecord.create(
        mlflow_client(),
        plan.name,
        tags=plan.tags(),
        params={},
        artifact_location=artifact_root() / plan.name,
        spool=study_folder(plan.name) / "record",
    )
    honest = tuning.search.trial.run_trial
    with ray_session("local"):
        began = time.perf_counter()
        ray.get(ray.remote(_imports).remote())
        actor_start = time.perf_counter() - began
        try:
            tuning.search.trial.run_trial = _replaying(tuple(drawn), work)
            cpus = ray.cluster_resources()["CPU"] / at_once
            resources = Resources(cpus, 0.0, at_once)
            ended_early = search(plan, folds, record, resources, clock)
        finally:
            tuning.search.trial.run_trial = honest
    assert record.spool
    record.spool.stop()
    if ended_early:
        raise KeyboardInterrupt
    return actor_start


def _imports() -> None:
    import model.training.cross_validation  # noqa: F401


def _replaying(drawn: tuple[Curve, ...], work: float) -> Callable[..., None]:
    """A trial that reports what a recorded one did, after sleeping as long as that one trained."""

    def run_trial(config: dict[str, Any], *, space: SearchSpace, **rest: Any) -> None:
        from ray import tune

        curve = _curve_of(tune.get_context().get_trial_id(), drawn)
        budget = curve.epochs[-1]
        for epoch, score, seconds in zip(curve.epochs, curve.scores, curve.seconds, strict=True):
            time.sleep(work * seconds)
            result = dict.fromkeys((*METRICS, *(f"{name}_sd" for name in METRICS)), score)
            times = dict.fromkeys(("loss", "seconds", "device_seconds", "setup_seconds"), seconds)
            result |= {**times, AUC: score, "epoch": epoch, "full_budget": epoch == budget}
            if epoch == budget or epoch in space.schedule.rungs(budget):
                with tempfile.TemporaryDirectory() as folder:
                    Path(folder, "replayed.safetensors").write_bytes(bytes(_CHECKPOINT))
                    tune.report(result, checkpoint=tune.Checkpoint.from_directory(folder))
            else:
                tune.report(result)

    return run_trial


def _curve_of(trial_id: str, drawn: Sequence[Curve]) -> Curve:
    """A trial does not know its place in the study, only Ray Tune's random id of it."""
    return drawn[zlib.crc32(trial_id.encode()) % len(drawn)]


def _attribute(events: Sequence[_Event]) -> tuple[float, float, float]:
    """Seconds of the driver for a trial, more for each trial before it, and for a report.

    By least squares, none below zero, over windows of trials that ended.
    """
    from scipy.optimize import nnls

    rows: list[np.ndarray] = []
    spent: list[float] = []
    begun = since = 0
    counts = np.zeros(3)
    start = events[0].processor
    for event in events:
        if event.kind == "start":
            counts += (1, begun, 0)
            begun += 1
        counts += (0, 0, event.kind == "report")
        since += event.kind == "end"
        if since == _WINDOW:
            rows.append(counts)
            spent.append(event.processor - start)
            counts, since, start = np.zeros(3), 0, event.processor
    (trial, growth, report), _ = nnls(np.array(rows), np.array(spent))
    return float(trial), float(growth), float(report)
