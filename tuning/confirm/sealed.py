"""Opening a study's sealed part: written down first, then scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from model.baselines.registry import BASELINES, score_node_pairs
from model.data.datasets import AssociationDataset
from model.evaluation.fresh_splits import development_part
from model.evaluation.metrics.table import ranking_metrics
from model.evaluation.protocol_names import is_same_protocol
from model.evaluation.protocols import Fold, Protocol, sealed_fold
from model.evaluation.splits import association_groups
from model.evaluation.statistics import Interval, bootstrap, interval
from tuning.metric import AP, AUC
from tuning.record.finished_study import FinishedStudy
from tuning.record.identity import study_experiments

OPENED, OPENED_AT, WARNING = "sealed_opened", "sealed_opened_at", "sealed_warning"


@dataclass(frozen=True)
class SealedScore:
    """A ranking's metrics on the sealed associations, with 95 % bootstrap intervals."""

    name: str
    scores: Mapping[str, Interval]

    def document(self) -> dict[str, Any]:
        """As JSON: of each metric ``auc``, ``auc_low`` and ``auc_high``."""
        return {"name": self.name, **_flat(self.scores)}

    def tags(self, metric: str) -> dict[str, str]:
        """What the record keeps of the study's metric; empty for one that has no interval."""
        kept = {metric: self.scores[metric]} if metric in self.scores else {}
        return {f"confirmed_{key}": repr(value) for key, value in _flat(kept).items()}


@dataclass(frozen=True)
class SealedComparison:
    """The chosen model beside the best baseline on the sealed part, both trained on all the rest.

    ``difference`` is the model's score minus the baseline's. Its interval is of a paired bootstrap:
    in each resample both are scored on the same associations, so what makes some of them hard for
    either is taken out. Two intervals that overlap say nothing of the sort.
    """

    model: SealedScore
    baseline: SealedScore
    difference: Mapping[str, Interval]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "model": self.model.document(),
            "baseline": self.baseline.document(),
            "difference": _flat(self.difference),
        }

    def tags(self, metric: str) -> dict[str, str]:
        """What a version's tags keep of the study's metric."""
        if metric not in self.difference:
            return {}
        kept = _flat({"confirmed_difference": self.difference[metric]})
        rival = {"confirmed_against": self.baseline.name}
        return self.model.tags(metric) | {key: repr(value) for key, value in kept.items()} | rival


def record_opening(study: FinishedStudy) -> int:
    """Write down on the study's run that the sealed part is being opened; how often it has been.

    Comes before any score is computed, so that no interruption can hide that it was opened. Other
    studies with the same data, protocol and seed seal the same associations: `opened_by_others`.
    """
    client, run_id = study.record.client, study.record.run_id
    tags = client.get_run(run_id).data.tags
    times = [*filter(None, tags.get(OPENED_AT, "").split(", ")), _now()]
    client.set_tag(run_id, OPENED, str(len(times)))
    client.set_tag(run_id, OPENED_AT, ", ".join(times))
    if len(times) > 1:
        client.set_tag(run_id, WARNING, f"opened {len(times)} times: no longer an unseen test")
    return len(times)


def opened_by_others(study: FinishedStudy) -> list[str]:
    """Names of other studies that have opened these very sealed associations."""
    client, mine = study.record.client, study.record.tags
    names = []
    for experiment in study_experiments(client):
        tags = experiment.tags
        same = all(tags.get(key) == mine[key] for key in ("data_hash", "seed"))
        same_split = same and is_same_protocol(tags.get("protocol"), mine["protocol"])
        if same_split and experiment.name != study.name:
            runs = client.search_runs([experiment.experiment_id], "tags.kind = 'study'")
            if any(run.data.tags.get(OPENED) for run in runs):
                names.append(experiment.name)
    return names


def sealed_scores(
    study: FinishedStudy, name: str, probability_MS: np.ndarray, baseline: str
) -> SealedComparison:
    """The chosen model and a baseline on the sealed part, both trained on all of the rest.

    Measured by the study's metric, AUC and AP. Call `record_opening` first.
    """
    dataset, protocol, seed = study.dataset, study.protocol, study.seed
    known = development_part(dataset, protocol, seed).dataset
    fold = sealed_fold(dataset, protocol, seed)
    rankings = {name: probability_MS, baseline: BASELINES[baseline](known, fold)}
    pairs = fold.held_out, fold.ranked_against
    metrics = tuple(dict.fromkeys((study.metric, AUC, AP)))
    groups = _sealed_groups(dataset, protocol, fold)
    found = []
    for scores_MS in rankings.values():
        held_out, unknown = (score_node_pairs(scores_MS)(side) for side in pairs)
        point = ranking_metrics(
            held_out, unknown, pairs=pairs, threshold=None, balance=fold.balance
        )
        drawn = bootstrap(
            held_out, unknown, groups, pairs=pairs, balance=fold.balance, metrics=metrics
        )
        found.append((point, drawn))
    (point, drawn), (point_of_baseline, drawn_of_baseline) = found
    return SealedComparison(
        model=SealedScore(name, _intervals(point, drawn)),
        baseline=SealedScore(baseline, _intervals(point_of_baseline, drawn_of_baseline)),
        difference={
            metric: interval(point[metric] - point_of_baseline[metric], drawn[metric] - other)
            for metric, other in drawn_of_baseline.items()
        },
    )


def _sealed_groups(dataset: AssociationDataset, protocol: Protocol, fold: Fold) -> np.ndarray:
    """(H,) group of twins of each sealed association."""
    group_of = np.zeros(dataset.associations.shape, dtype=np.int64)
    groups = association_groups(dataset, protocol.split_by, protocol.grouping)
    group_of[tuple(dataset.association_pairs.T)] = groups
    sealed: np.ndarray = group_of[fold.held_out[0], fold.held_out[1] - len(dataset.rows)]
    return sealed


def _intervals(
    point: Mapping[str, float], resampled: Mapping[str, np.ndarray]
) -> dict[str, Interval]:
    return {metric: interval(point[metric], values) for metric, values in resampled.items()}


def _flat(intervals: Mapping[str, Interval]) -> dict[str, float]:
    return {
        f"{name}{ending}": value
        for name, one in intervals.items()
        for ending, value in (("", one.value), ("_low", one.low), ("_high", one.high))
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
