"""What a study is asked to do."""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import dataclass
from typing import Literal

from model.data.datasets import AssociationDataset
from model.data.kinds import as_record
from model.evaluation.protocols import Protocol
from search_spaces.schema import SearchSpace
from tuning.ending import DEFAULT_METRIC
from tuning.starts import Start, own_starts, told

DEFAULT_SAMPLER = "curve-gp"  # docs/results.md has what it saves


@dataclass(frozen=True)
class StudyPlan:
    """What a study does.

    Args:
        name: of the study and its MLflow experiment.
        space_name: what the user called the space.
        trials: how many configurations to try.
        seed: fixes the folds, the sampler and every trial's randomness.
        gpus_per_trial: may be a fraction; None is one where there is any, ``auto`` what a probe
            finds best, see `packing.choose`.
        address: of the Ray cluster; None is ``RAY_ADDRESS``, else this machine.
        metric: what the study maximises: the mean over the folds of this one of `METRICS`, see
            `tuning.metric.check_metric`.
        sampler: what chooses the points, an entry of `SAMPLERS`.
        time_budget_s: how long the search may take, in seconds of the clock; a search that is
            resumed has all of it once more. None for as long as it takes.
        starts: points to evaluate first; None are those of the space's file.
        storage: folder or address that all machines share; None is the home.
        baselines: names of those to measure on the same folds; None for the core ones, see
            `model.baselines.choice`.
        ensemble_baselines: whether baselines may be members of the ensemble, beside trials.
        leak: what was accepted of a similarity that was computed from the associations: every run
            of the study says it.
    """

    name: str
    dataset: AssociationDataset
    protocol: Protocol
    space_name: str
    space: SearchSpace
    trials: int
    seed: int = 0
    gpus_per_trial: float | Literal["auto"] | None = None
    address: str | None = None
    storage: str | None = None
    metric: str = DEFAULT_METRIC
    sampler: str = DEFAULT_SAMPLER
    leak: str = ""
    starts: tuple[Start, ...] | None = None
    time_budget_s: float | None = None
    ensemble_baselines: bool = False
    baselines: tuple[str, ...] | None = None

    def start_points(self) -> tuple[Start, ...]:
        """What is evaluated before the sampler suggests anything, in that order."""
        return own_starts(self.space) if self.starts is None else self.starts

    def tags(self) -> dict[str, str]:
        """What every run of the study is tagged with."""
        return {
            "study": self.name,
            "dataset": self.dataset.name,
            "data_hash": self.dataset.content_hash,
            "kinds": json.dumps(as_record(self.dataset.kinds), ensure_ascii=False),
            "protocol": self.protocol.name,
            "space": self.space_name,
            "metric": self.metric,
            "sampler": self.sampler,
            "seed": str(self.seed),
            "start_points": told(self.start_points()),
            "mmatune_version": importlib.metadata.version("mmatune"),
            **({"leak": self.leak} if self.leak else {}),
        }
