"""What a confirmation concludes from its scores: pure functions, nothing is trained or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from model.evaluation.statistics import corrected_resampled_t_test, corrected_standard_error, holm
from tuning.metric import AUC, metric_beside, metric_label, recorded_metric

ALPHA = 0.05  # of the family of all comparisons
_AS_CHEAP = 1.2
_NOISE = 1.96  # standard errors; between two studies there is no pairing to use


@dataclass(frozen=True, eq=False)
class Measured:
    """One configuration or baseline on the fresh splits.

    Args:
        name: of the trial or baseline.
        score: (J,) the study's metric of each fold, splits one after another. NaN where training
            diverged.
        beside: (J,) the metric that is shown beside it, see `metric_beside`.
        seconds: median over splits of the training time of one fold, on one core or GPU; None for
            a baseline.
        development_score: the score by which the study ranked it.
        metric: that the study maximised.
    """

    name: str
    kind: Literal["trial", "baseline"]
    score: np.ndarray
    beside: np.ndarray
    seconds: float | None
    development_score: float | None = None
    metric: str = AUC

    @property
    def mean(self) -> float:
        return float(self.score.mean())

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.score).all())


@dataclass(frozen=True)
class Comparison:
    """One configuration against another or a baseline, on the same folds.

    ``difference`` is its score minus the other's, whose ``name`` this is; ``p_holm`` is adjusted
    over its comparisons with all the others.
    """

    name: str
    difference: float
    standard_error: float
    p_value: float
    p_holm: float

    @property
    def significant(self) -> bool:
        return self.p_holm < ALPHA


@dataclass(frozen=True)
class Verdict:
    """What the fresh splits say.

    Args:
        best: highest mean score among configurations.
        tied: configurations that are not significantly worse, best first.
        chosen: the cheapest of them to train; those within 20 % of the cheapest count as equally
            cheap, for times are noisy, and the best of these is chosen.
        comparisons: of the best with all the others.
        chosen_comparisons: of the chosen one with all the others.
        winning_baselines: baselines that are significantly better than the chosen configuration,
            best first.
    """

    best: str
    tied: tuple[str, ...]
    chosen: str
    comparisons: tuple[Comparison, ...]
    chosen_comparisons: tuple[Comparison, ...]
    winning_baselines: tuple[str, ...]


def decide(measured: Sequence[Measured], test_train_ratio: float) -> Verdict:
    """Compare the best and the chosen one with every other and every baseline, Holm-corrected.

    The tied set holds what could not be told from the best with these splits; that is no proof of
    equality, and with few splits the set is large. The best of several was picked by its score on
    these same splits, which favours it a little in every comparison.

    Args:
        test_train_ratio: associations held out over associations trained on, of one fold.

    Raises:
        ValueError: no configuration has a finite score.
    """
    trials = [one for one in measured if one.kind == "trial" and one.is_finite]
    if not trials:
        raise ValueError("no configuration has a finite score on the fresh splits")
    trials.sort(key=lambda one: -one.mean)
    best = trials[0]
    baselines = [one for one in measured if one.kind == "baseline" and one.is_finite]
    everyone = [*trials, *baselines]
    of_best = _compared(best, everyone, test_train_ratio)
    tied = [best, *(one for one in trials[1:] if not of_best[one.name].significant)]
    chosen = _cheapest(tied)
    of_chosen = _compared(chosen, everyone, test_train_ratio)
    return Verdict(
        best=best.name,
        tied=tuple(one.name for one in tied),
        chosen=chosen.name,
        comparisons=tuple(of_best.values()),
        chosen_comparisons=tuple(of_chosen.values()),
        winning_baselines=tuple(
            one.name
            for one in sorted(baselines, key=lambda one: -one.mean)
            if of_chosen[one.name].significant and of_chosen[one.name].difference < 0
        ),
    )


def _compared(
    reference: Measured, everyone: Sequence[Measured], test_train_ratio: float
) -> dict[str, Comparison]:
    """The reference against everyone else, by name."""
    others = [one for one in everyone if one is not reference]
    tests = [
        corrected_resampled_t_test(reference.score - one.score, test_train_ratio) for one in others
    ]
    adjusted = holm([test.p_value for test in tests])
    return {
        one.name: Comparison(one.name, test.difference, test.standard_error, test.p_value, p_holm)
        for one, test, p_holm in zip(others, tests, adjusted, strict=True)
    }


def _cheapest(best_first: Sequence[Measured]) -> Measured:
    seconds = [one.seconds or 0.0 for one in best_first]
    limit = _AS_CHEAP * min(seconds)
    return next(one for one, cost in zip(best_first, seconds, strict=True) if cost <= limit)


def summary_row(one: Measured, test_train_ratio: float) -> dict[str, Any]:
    """One line of the confirmation: its score, and how much of the old one was luck.

    Returns:
        ``name``, ``kind``, ``development_auc``, ``confirmed_auc`` and its ``standard_error``,
        ``ap`` and its ``ap_standard_error``, ``optimism`` in AUC, ``seconds_per_fold``. A study of
        another metric has that metric's name in the place of "auc"; one of AP has "auc" in the
        place of "ap", see `metric_beside`. None where training diverged.
    """
    known, beside = one.development_score, metric_beside(one.metric)
    confirmed, standard_error = f"confirmed_{one.metric}", "standard_error"
    scores: dict[str, float | None] = dict.fromkeys(
        (confirmed, standard_error, beside, f"{beside}_standard_error", "optimism")
    )
    if one.is_finite:
        scores |= {
            confirmed: one.mean,
            standard_error: corrected_standard_error(one.score, test_train_ratio),
            beside: float(one.beside.mean()),
            f"{beside}_standard_error": corrected_standard_error(one.beside, test_train_ratio),
            "optimism": None if known is None else known - one.mean,
        }
    return {
        "name": one.name,
        "kind": one.kind,
        f"development_{one.metric}": known,
        **scores,
        "seconds_per_fold": one.seconds,
    }


def may_be_champion(
    number: int,
    tags: Mapping[str, str],
    present: int | None,
    present_tags: Mapping[str, str],
    winning_baselines: Sequence[str],
) -> tuple[bool, str]:
    """Whether a confirmed version becomes champion, and why.

    Args:
        number: of the confirmed version, with its ``tags``.
        present: version that is champion now, with its ``present_tags``; None where there is none.
        winning_baselines: baselines significantly better than the confirmed model.
    """
    stays = "there is no champion" if present is None else f"version {present} stays champion"
    if winning_baselines:
        return False, f"a baseline wins ({winning_baselines[0]}): {stays}"
    if present is None:
        return True, f"version {number} is champion: there was none"
    if present == number:
        return True, f"version {number} stays champion, now confirmed"
    moves = f"version {number} is champion instead of version {present}"
    if present_tags.get("data_hash") != tags["data_hash"]:
        return True, f"{moves}, which was trained on other data: their scores cannot be compared"
    if present_tags.get("protocol") != tags["protocol"]:
        old = present_tags.get("protocol")
        return True, (
            f"{moves}, which was measured under the protocol {old!r}: their scores cannot be"
            " compared"
        )
    metric = recorded_metric(tags)
    if metric != (old := recorded_metric(present_tags)):
        return True, (
            f"{moves}, which was chosen by its {metric_label(old)}: their scores cannot be compared"
        )
    fresh = f"fresh_{metric}"
    if fresh not in present_tags:
        return True, f"{moves}, which was never confirmed"
    new_score, old_score = float(tags[fresh]), float(present_tags[fresh])
    errors = (float(tags[f"{fresh}_se"]), float(present_tags[f"{fresh}_se"]))
    noise = _NOISE * float(np.hypot(*errors))
    scores = (
        f"confirmed {metric_label(metric)} {new_score:.4f} against {old_score:.4f},"
        f" noise {noise:.4f}"
    )
    if new_score - old_score > noise:
        return True, f"{moves}: {scores}"
    return False, f"{stays}: {scores}"
