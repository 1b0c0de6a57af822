"""The table that shows a running study."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.live import Live
from rich.table import Table
from rich.text import Text

from model.data.kinds import ANY_KINDS, Kinds
from model.evaluation.epoch_choice import Choice
from tuning.console import console
from tuning.ending import RANKED, Ending
from tuning.metric import AUC, metric_label, ranking_key

# What a row shows of a trial's parameters.
PARAMETERS = ("encoder.type", "mask.rate", "degree_decoder.alpha", "training.epochs")

_ROWS = 12  # a table taller than the terminal cannot be redrawn in place
_REFRESH_SECONDS = 0.5
_TELLING = 3  # trials that have ended, from which what remains is estimated


class LiveTable:
    """Running and best trials, redrawn in place; one line per ended trial where that cannot be.

    Args:
        study: its name.
        trials: how many there will be; 0 where that is not known yet.
        to_beat: name and development score of the best baseline; None while they are measured.
        metric: that the study maximises.
        kinds: of its data.
        started: when the study began, in seconds of the clock; now if left out.
    """

    def __init__(
        self,
        study: str,
        trials: int = 0,
        to_beat: tuple[str, float] | None = None,
        metric: str = AUC,
        kinds: Kinds = ANY_KINDS,
        started: float | None = None,
    ) -> None:
        self.study = study
        self.trials = trials
        self.to_beat = to_beat
        self.metric = metric
        self.kinds = kinds
        self.rows: dict[str, dict[str, Any]] = {}
        self.started = started or time.time()  # who follows a study sets when its driver began
        self.first_trial: float | None = None  # when the first of this driver's trials began
        self.over_before = 0  # trials that were over by then
        self.drawn = 0.0
        self.live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.live.stop()

    def start(
        self, trial_id: str, name: str, params: Mapping[str, Any], at: float | None = None
    ) -> None:
        """A trial got its first worker; numbers may be text, as the record keeps them.

        Args:
            at: when that was, in seconds of the clock; now if left out.
        """
        if self.first_trial is None:
            self.first_trial, self.over_before = at or time.time(), self._over()
        self.rows[trial_id] = {
            "name": name,
            "status": "running",
            "encoder": params["encoder.type"],
            "mask": float(params["mask.rate"]),
            "alpha": float(params["degree_decoder.alpha"]),
            "epochs": int(params["training.epochs"]),
        }

    def report(self, trial_id: str, epoch: int, choice: Choice | None) -> None:
        """A trial reported.

        Args:
            choice: what is chosen from its curve so far; None where no score was finite yet.
        """
        self.rows[trial_id]["epoch"] = epoch
        if choice:
            self.rows[trial_id] |= {"chosen": choice.epoch, self.metric: choice.score}

    def end(self, trial_id: str, ended: Ending) -> None:
        """A trial is over."""
        row = self.rows[trial_id]
        row["status"] = ended.value
        if not console.is_terminal:
            label, score = metric_label(self.metric, self.kinds), row.get(self.metric)
            shown = "no score"
            if score is not None:
                shown = f"{label} {score:.4f} at epoch {row['chosen']}"
            console.print(
                f"{self._over()}/{self.trials} {row['name']} {ended.value} after"
                f" {row.get('epoch', 0)} of {row['epochs']} epochs, {shown}",
                soft_wrap=True,
            )

    def _over(self) -> int:
        return sum(row["status"] != "running" for row in self.rows.values())

    def remaining(self) -> float | None:
        """Seconds until the last trial, at the pace of those that are over.

        None before the third has ended: the first ones say little, and stopped ones are short.
        """
        over = self._over() - self.over_before
        if self.first_trial is None or over < _TELLING or not self.trials:
            return None
        pace = (time.time() - self.first_trial) / over
        return max(0.0, pace * (self.trials - self._over()))

    def refresh(self) -> None:
        """Redraw, at most twice a second."""
        now = time.monotonic()
        if console.is_terminal and now - self.drawn >= _REFRESH_SECONDS:
            self.drawn = now
            self.live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        counts = Counter(row["status"] for row in self.rows.values())
        parts = [f"{count} {status}" for status, count in counts.items()]
        waiting = self.trials - len(self.rows)
        if waiting > 0:
            parts.append(f"{waiting} to come")
        to_beat = "measuring the baselines"
        if self.to_beat:
            to_beat = f"to beat: {self.to_beat[0]}, {self.to_beat[1]:.4f}"
        # The clock of another machine may be ahead.
        seconds = max(0.0, time.time() - self.started)
        remaining = self.remaining()
        left = "" if remaining is None else f", about {duration(remaining)} of the search left"
        table = Table(
            title=f"[bold]{self.study}[/]  {duration(seconds)}{left}",
            caption="; ".join(part for part in (", ".join(parts), to_beat) if part),
            title_justify="left",
            caption_justify="left",
            # Without lines between columns a trial's name is whole in 80 columns.
            box=SIMPLE_HEAD,
            padding=0,
            show_edge=False,
        )
        table.add_column("trial", min_width=_widest_word(row["name"] for row in self.rows.values()))
        table.add_column("status")
        for column in ("epoch", metric_label(self.metric, self.kinds), "at"):
            table.add_column(column, justify="right")
        table.add_column("encoder")
        for column in ("mask", "alpha"):
            table.add_column(column, justify="right")
        # Running trials first, then the best; what does not fit is in the counts.
        running = [row for row in self.rows.values() if row["status"] == "running"]
        over = [row for row in self.rows.values() if row["status"] != "running"]
        over.sort(key=lambda row: (row["status"] not in RANKED, ranking_key(row.get(self.metric))))
        for row in (running + over)[:_ROWS]:
            table.add_row(
                row["name"],
                _status(row["status"]),
                f"{row.get('epoch', 0)}/{row['epochs']}",
                f"{row[self.metric]:.4f}" if self.metric in row else "",
                str(row.get("chosen", "")),
                row["encoder"],
                f"{row['mask']:.2f}",
                f"{row['alpha']:.3g}",
            )
        return table


def _widest_word(names: Iterable[str]) -> int:
    """A name that does not fit is folded between its words."""
    return max((len(word) for name in names for word in name.split()), default=0)


def duration(seconds: float) -> str:
    """Hours and minutes, minutes and seconds, or seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def _status(status: str) -> Text:
    styles = {Ending.FINISHED.value: "green", Ending.FAILED.value: "red", "running": "cyan"}
    return Text(status, style=styles.get(status, "dim"))
