"""What the driver does at each step of the search: keep the record, refresh the table."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray.tune import Callback

from search_spaces.schema import SearchSpace
from tuning.disk import refusal
from tuning.ending import DEFAULT_METRIC, RANKED, Ending, ending
from tuning.libraries.ray_internals import LOW_MEMORY, trial_number
from tuning.live import LiveTable
from tuning.record.leaderboard import PUBLISHED
from tuning.record.out_of_fold import FILE, OutOfFoldScores
from tuning.record.study_record import StudyRecord, best_curve
from tuning.search.curves import Curves
from tuning.search.resumption import RAY_TRIAL, Progress
from tuning.search.snapshot import delete_replaced, keep_snapshot
from tuning.starts import Start


class RecordTrials(Callback):
    """Gives every trial a run: parameters, curve, how it ended, last checkpoint.

    At the end of a trial, the epoch that is chosen from its curve and the scores there are added.

    Args:
        record: of the study.
        space: turns a trial's point into all parameters of its configuration.
        table: what the user looks at meanwhile.
        progress: of a study that is resumed.
        metric: the study's.
        curves: of the study's trials, which the callback adds to; its own if left out.
        starts: whose trials carry a name.
        replaced: checkpoints that are deleted once the snapshot that names newer ones is kept.
    """

    def __init__(
        self,
        record: StudyRecord,
        space: SearchSpace,
        table: LiveTable,
        progress: Progress | None = None,
        *,
        metric: str = DEFAULT_METRIC,
        curves: Curves | None = None,
        starts: Sequence[Start] = (),
        replaced: list[tuple[Any, str]] | None = None,
    ) -> None:
        self.record = record
        self.space = space
        self.table = table
        self._starts = starts
        self._replaced = [] if replaced is None else replaced
        self.run_ids = dict(progress.runs) if progress else {}
        self._ended = set(self.run_ids)  # whose run is closed, or should be
        self._over = len(self._ended)
        self._epochs = progress.epochs if progress else {}
        self._score_name = metric
        self._curves = curves or Curves(metric, progress)
        self._best = progress.best if progress else None
        self._staged: Path | None = None  # where Tune writes its snapshots first

    def get_state(self) -> None:
        """Keep a copy of Ray Tune's snapshot.

        Tune asks for the state of its callbacks, of which there is none here, when it has written
        the rest of a snapshot and before it uploads it.
        """
        if self._staged:
            keep_snapshot(self.record.tags["study"], self._staged)
            delete_replaced(self._replaced)

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Open the run; a trial that starts again after a fault keeps its own."""
        self._open(trial)
        self._staged = Path(trial.local_experiment_path)

    def _open(self, trial: Any) -> None:
        if trial.trial_id in self.run_ids and trial.trial_id not in self._ended:
            return
        params = self.space.configuration(trial.config).dotted()
        name = f"trial-{trial_number(trial):03d}"
        if self.space.is_published(trial.config):
            name += PUBLISHED
        elif start := next((one for one in self._starts if one.point == trial.config), None):
            name += f" ({start.name})" if start.name else ""
        if trial.trial_id in self._ended:
            self._ended.remove(trial.trial_id)
            self._over -= 1
            self.record.reopen(self.run_ids[trial.trial_id])
        else:
            tags = {RAY_TRIAL: trial.trial_id}
            self.run_ids[trial.trial_id] = self.record.open_child("trial", name, params, tags)
        self.table.start(trial.trial_id, name, params)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Add one point to the curves, once: after a fault a trial measures some epochs again."""
        if result["epoch"] > self._epochs.get(trial.trial_id, 0):
            self._epochs[trial.trial_id] = result["epoch"]
            self.record.log_metrics(self.run_ids[trial.trial_id], result, step=result["epoch"])
        self._curves.add(trial.trial_id, result)
        choice = self._curves.choice(trial.trial_id)
        self.table.report(trial.trial_id, result["epoch"], choice)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Close the run of a trial that finished, was stopped early or diverged."""
        ended = ending(trial.last_result, self._score_name)
        self._close(trial, ended)
        choice = self._curves.choice(trial.trial_id) if ended in RANKED else None
        if choice and (self._best is None or choice.score > self._best):
            self._best = choice.score
        if self._best is not None:
            best = {best_curve(self._score_name): self._best}
            self.record.log_metrics(self.record.run_id, best, step=self._over)

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """End the search if a trial failed because the disk is full or read-only.

        Every other trial would fail in the same way. The study can be resumed once that is mended.

        Raises:
            OSError: what the disk said.
        """
        if refused := refusal(_error(trial)):
            raise OSError(refused)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Close the run of a trial that raised or died, with the last line of its error."""
        self._open(trial)  # where its machine died before it could start
        self._close(trial, Ending.FAILED, reason=_last_line(trial))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Redraw."""
        self.table.refresh()

    def _close(self, trial: Any, ended: Ending, *, reason: str = "") -> None:
        run_id = self.run_ids[trial.trial_id]
        if "device" in (trial.last_result or {}):
            # What the same configuration gives bit for bit, it gives on the same kind of device.
            tags = {"device": trial.last_result["device"], "rung": str(self._rung(trial))}
            self.record.set_tags(run_id, tags)
        if ended is Ending.FAILED and not reason:
            reason = "the score is not finite: training diverged"
        if ended is Ending.KILLED:
            reason = "the study was interrupted"
        if trial.checkpoint:
            self._keep(run_id, trial, ended)
        if ended in RANKED:
            # One step for all: MLflow shows the value of the last step.
            summary = self._curves.chosen_summary(trial.trial_id)
            self.record.log_metrics(run_id, summary, step=0)
        self.record.close(run_id, ended, reason=reason)
        self.table.end(trial.trial_id, ended)
        self._over += 1

    def _keep(self, run_id: str, trial: Any, ended: Ending) -> None:
        """Keep the last checkpoint with the run, and what was scored at the chosen epoch."""
        choice = self._curves.choice(trial.trial_id) if ended in RANKED else None
        with (
            trial.checkpoint.as_directory() as folder,
            tempfile.TemporaryDirectory(prefix="mmatune-") as chosen,
        ):
            for file in Path(folder).glob("*.safetensors"):
                if file.name != FILE:
                    self.record.log_file(run_id, file, "checkpoint")
            scores = OutOfFoldScores.load(Path(folder))
            # Of a trial that was stopped between two rungs the file may lack the chosen epoch.
            if choice and scores.at(choice.epoch) is not None:
                scores.save(Path(chosen), only=choice.epoch)
                self.record.log_file(run_id, Path(chosen, FILE), "checkpoint")

    def _rung(self, trial: Any) -> int:
        """The last rung that the trial was measured at, in epochs; 0 for none."""
        budget = self.space.configuration(trial.config).training.epochs
        rungs = self.space.schedule.rungs(budget)
        return max((rung for rung in rungs if rung <= trial.last_result["epoch"]), default=0)


def _error(trial: Any) -> str:
    """The traceback that Ray Tune wrote."""
    return Path(trial.error_file).read_text(errors="replace") if trial.error_file else ""


def _last_line(trial: Any) -> str:
    """The message of the exception."""
    lines = _error(trial).strip().splitlines()
    telling = [line for line in lines if LOW_MEMORY in line] or lines
    return telling[-1][:500] if telling else "the trial's process died"
