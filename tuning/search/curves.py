"""The curves of the trials as the driver knows them, and what is chosen from them.

The driver keeps them and not the trials: after a fault a trial goes on from its last checkpoint and
has no report from before it. The scheduler, the searcher and the record read the same curves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.evaluation.epoch_choice import Choice, choose_epoch
from model.evaluation.metrics.table import METRICS
from tuning.ending import DEFAULT_METRIC
from tuning.record.study_record import CHOSEN_EPOCH, chosen
from tuning.search.resumption import Progress


class Curves:
    """Every trial's scores by epoch.

    Args:
        metric: the study's, by whose curve the epoch is chosen.
        progress: of a study that is resumed.
    """

    def __init__(self, metric: str = DEFAULT_METRIC, progress: Progress | None = None) -> None:
        self._metric = metric
        self._reports: dict[str, dict[int, dict[str, float]]] = {}
        if progress:
            for trial_id, reports in progress.reports.items():
                self._reports[trial_id] = {epoch: dict(one) for epoch, one in reports.items()}
            for point in progress.points:
                self.add(point.ray_trial, {"epoch": point.epoch, metric: point.score})

    def add(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Take in a report; of an epoch that is measured again after a fault the first one stays.

        Args:
            result: of `tuning.search.trial.run_trial`, or at least ``epoch`` and the metric.
        """
        summary = {
            name: float(result[name])
            for metric in METRICS
            for name in (metric, f"{metric}_sd")
            if name in result
        }
        self._reports.setdefault(trial_id, {}).setdefault(int(result["epoch"]), summary)

    def scores(self, trial_id: str, until: int | None = None) -> dict[int, float]:
        """The curve of the study's metric, cut after an epoch."""
        return {
            epoch: summary[self._metric]
            for epoch, summary in self._reports.get(trial_id, {}).items()
            if self._metric in summary and (until is None or epoch <= until)
        }

    def choice(self, trial_id: str, until: int | None = None) -> Choice | None:
        """What is chosen from the trial's curve, or from the part of it until an epoch."""
        return choose_epoch(self.scores(trial_id, until))

    def chosen_summary(self, trial_id: str) -> dict[str, float]:
        """The chosen epoch and every score at it, by the names that the record has for them."""
        choice = self.choice(trial_id)
        if choice is None:
            return {}
        summary = self._reports[trial_id][choice.epoch]
        scores = {chosen(name): value for name, value in summary.items()}
        return {CHOSEN_EPOCH: float(choice.epoch), **scores}
