"""`tune --plan`: what a study would take here, and whether it fits; nothing of it is started."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from model.errors import InputError
from model.evaluation.protocols import development_folds
from tuning.cluster.session import Resources, ray_session, trial_resources
from tuning.cluster.shared_storage import study_storage
from tuning.console import console
from tuning.forecast.estimate import Forecast, forecast
from tuning.forecast.packing import AUTO, choose, number_that_fits
from tuning.forecast.probe import Probe, measure
from tuning.home import home
from tuning.live import duration
from tuning.plan import StudyPlan
from tuning.search.samplers import SAMPLERS


@dataclass(frozen=True)
class Outlook:
    """A study before it starts.

    Args:
        packing: how trials share devices, and why, for people.
    """

    plan: StudyPlan
    resources: Resources
    packing: str
    probe: Probe
    forecast: Forecast

    def document(self) -> dict[str, Any]:
        """As JSON; seconds, bytes, and hours of the unit that ``device_unit`` names."""
        plan, found = self.plan, self.forecast
        return {
            "dataset": plan.dataset.name,
            "data_hash": plan.dataset.content_hash,
            "protocol": plan.protocol.name,
            "space": plan.space_name,
            "trials": plan.trials,
            "trials_at_once": self.resources.at_once,
            "gpus_per_trial": self.resources.gpus,
            "packing": self.packing,
            "device_unit": self.unit,
            **asdict(found),
            "probe": asdict(self.probe),
        }

    @property
    def unit(self) -> str:
        return "GPU" if self.resources.gpus else "core"

    def table(self) -> Table:
        """For people."""
        plan, found = self.plan, self.forecast
        expected, spread, without = found.expected, found.spread, found.without_stopping
        rows = {
            "trials": (f"{plan.trials}", f"{plan.trials}"),
            "epochs": (f"{expected.epochs:,.0f} ± {spread.epochs:,.0f}", f"{without.epochs:,.0f}"),
            f"{self.unit}-hours": (
                f"{found.device_hours:.3g}",
                f"{found.device_hours_without_stopping:.3g}",
            ),
            "time of the search": (
                f"{duration(expected.wall)} ± {duration(spread.wall)}",
                duration(without.wall),
            ),
        }
        title = f"{plan.dataset.name}, protocol {plan.protocol.name}, space {plan.space_name}"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False)
        table.add_column("")
        table.add_column("expected", justify="right")
        table.add_column("if none were stopped early", justify="right")
        for name, cells in rows.items():
            table.add_row(name, *cells)
        return table


def look_ahead(plan: StudyPlan) -> Outlook:
    """Probe the devices and say what the study would take; it needs seconds to half a minute.

    Starts no study: MLflow, Optuna and the home are as before.

    Raises:
        InputError: an unknown sampler, GPUs that are not there, or too little memory or disk.
    """
    SAMPLERS[plan.sampler]
    if plan.storage:
        study_storage(plan.name, plan.storage)  # an address of no use is refused before all else
    folds = development_folds(plan.dataset, plan.protocol, plan.seed)
    with console.status("starting Ray ...") as status, ray_session(plan.address):
        wanted = None if plan.gpus_per_trial == AUTO else plan.gpus_per_trial
        asked = trial_resources(wanted, plan.address)
        status.update("measuring what a trial takes ...")
        probe = measure(
            plan.dataset, folds, plan.space, plan.seed, on_gpu=asked.gpus > 0, starts=plan.starts
        )
        if plan.gpus_per_trial == AUTO:
            packing = choose(probe)
            per_device, reason = packing.per_device, packing.reason
            resources = trial_resources(packing.gpus, plan.address, packing.memory)
        else:
            resources = asked
            per_device = max(1, int(1 / asked.gpus)) if asked.gpus else probe.cores
            per_device = min(per_device, asked.at_once)
            reason = f"{per_device} of them share a GPU" if asked.gpus else "One thread a trial"
            number_that_fits(probe, per_device)
        rows, columns = plan.dataset.associations.shape
        found = forecast(
            plan.space, plan.trials, probe, resources, per_device, pairs=rows * columns
        )
    _check_disk(plan, found)
    return Outlook(plan, resources, reason, probe, found)


def show(outlook: Outlook) -> None:
    """Print it for people."""
    found, probe = outlook.forecast, outlook.probe
    console.print(outlook.table())
    console.print(f"{outlook.resources.at_once} trials at once. {outlook.packing}.", soft_wrap=True)
    if probe.failure:
        console.print(f"A configuration of the space could not be trained: {probe.failure}")
    console.print(
        f"Disk, at most: {_size(found.checkpoint_bytes)} of checkpoints,"
        f" {_size(found.home_bytes)} in the home."
    )
    console.print(
        f"From {len(probe.costs)} configurations of the space, measured here. What the search"
        " learns is not foreseen: it may come to like configurations that cost more. Baselines, the"
        " final training and the registration come on top.",
        soft_wrap=True,
    )


def _check_disk(plan: StudyPlan, found: Forecast) -> None:
    needed: dict[int, int] = {}
    for where, size, folder in (
        ("MMATUNE_HOME", found.home_bytes, home()),
        ("--storage", found.checkpoint_bytes, Path(plan.storage) if plan.storage else home()),
    ):
        if "://" in str(plan.storage) and where == "--storage":
            continue  # the free space of a bucket is not known
        there = next(path for path in (folder, *folder.parents) if path.exists())
        disk = os.stat(there).st_dev
        needed[disk] = needed.get(disk, 0) + size
        free = shutil.disk_usage(there).free
        if needed[disk] > free:
            raise InputError(
                f"the study would write {_size(needed[disk])}, {there} has {_size(free)} free",
                where=where,
                hint="make room, ask for fewer trials, or name another folder",
            )


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
