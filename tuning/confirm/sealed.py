"""Opening a study's sealed part: written down first, then scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from model.baselines.registry import BASELINES, score_node_pairs
from model.data.datasets import AssociationDataset
from model.evaluation.fresh_splits import development_part
from model.evaluation.metrics import ranking_metrics
from model.evaluation.protocols import Protocol, sealed_fold
from model.evaluation.splits import association_groups
from model.evaluation.statistics import bootstrap_intervals
from tuning.metric import AP, AUC
from tuning.record.finished_study import FinishedStudy
from tuning.record.study_list import study_experiments

OPENED, OPENED_AT = "sealed_opened", "sealed_opened_at"


@dataclass(frozen=True)
class SealedScore:
    """AUC and AP of a ranking on the sealed associations, with 95 % bootstrap intervals."""

    name: str
    auc: float
    auc_low: float
    auc_high: float
    ap: float
    ap_low: float
    ap_high: float

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def tags(self, metric: str) -> dict[str, str]:
        """What the record keeps of the study's metric; empty for one that has no interval."""
        values = self.document()
        keys = [f"{metric}{ending}" for ending in ("", "_low", "_high")]
        return {f"confirmed_{key}": repr(values[key]) for key in keys if key in values}


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
        client.set_tag(
            run_id, "sealed_warning", f"opened {len(times)} times: no longer an unseen test"
        )
    return len(times)


def opened_by_others(study: FinishedStudy) -> list[str]:
    """Names of other studies that have opened these very sealed associations."""
    client, mine = study.record.client, study.record.tags
    names = []
    for experiment in study_experiments(client):
        same = all(experiment.tags.get(k) == mine[k] for k in ("data_hash", "protocol", "seed"))
        if same and experiment.name != study.name:
            runs = client.search_runs([experiment.experiment_id], "tags.kind = 'study'")
            if any(run.data.tags.get(OPENED) for run in runs):
                names.append(experiment.name)
    return names


def sealed_scores(
    study: FinishedStudy, name: str, probability_MS: np.ndarray, baseline: str
) -> tuple[SealedScore, SealedScore]:
    """The chosen model and a baseline on the sealed part, both trained on all of the rest.

    Call `record_opening` first.
    """
    dataset, protocol, seed = study.dataset, study.protocol, study.seed
    known = development_part(dataset, protocol, seed).dataset
    score = _scorer(dataset, protocol, seed)
    fold = sealed_fold(dataset, protocol, seed)
    return score(name, probability_MS), score(baseline, BASELINES[baseline](known, fold))


def _scorer(
    dataset: AssociationDataset, protocol: Protocol, seed: int
) -> Callable[[str, np.ndarray], SealedScore]:
    fold = sealed_fold(dataset, protocol, seed)
    group_of = np.zeros(dataset.associations.shape, dtype=np.int64)
    groups = association_groups(dataset, protocol.split_by, protocol.grouping)
    group_of[tuple(dataset.association_pairs.T)] = groups
    sealed_groups = group_of[fold.held_out[0], fold.held_out[1] - len(dataset.mirnas)]

    def score(name: str, scores_MS: np.ndarray) -> SealedScore:
        at = score_node_pairs(scores_MS)
        held_out, unknown = at(fold.held_out), at(fold.ranked_against)
        point = ranking_metrics(held_out, unknown, threshold=None, balance=fold.balance)
        interval = bootstrap_intervals(held_out, unknown, sealed_groups, balance=fold.balance)
        return SealedScore(name, point[AUC], *interval[AUC], point[AP], *interval[AP])

    return score


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
