"""What a confirmation concludes from its scores: pure functions, nothing is trained or stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from model.evaluation.statistics import corrected_resampled_t_test, corrected_standard_error, holm
from tuning.metric import AUC, metric_beside

ALPHA = 0.05  # of a family of comparisons
# In the study's metric. Another seed alone moves a configuration's AUC by about as much (standard
# deviation 0.0024 on dataset2 under `honest`), so a smaller lead is worth no larger model.
MARGIN = 0.002


@dataclass(frozen=True, eq=False)
class Measured:
    """One configuration or baseline on the fresh splits.

    Args:
        name: of the trial, ensemble or baseline.
        score: (J,) the study's metric of each fold, splits one after another. NaN where training
            diverged.
        beside: (J,) the metric that is shown beside it, see `metric_beside`.
        seconds: median over splits of the training time of one model, on one core or GPU; None for
            a baseline. It is shown and decides nothing: a busy machine would decide it.
        weights: number of weights, of an ensemble those of all its members, which says how simple
            it is on any machine; None for a baseline.
        development_score: the score by which the study ranked it.
        metric: that the study maximised.
    """

    name: str
    kind: Literal["trial", "ensemble", "baseline"]
    score: np.ndarray
    beside: np.ndarray
    seconds: float | None
    development_score: float | None = None
    metric: str = AUC
    weights: int | None = None

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
    over its comparisons with all the others of that kind: trials and the ensemble of trials are one
    family, baselines another.
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
        tied: configurations and baselines that cannot be told from the best, best first. It is no
            choice: few splits tell little apart, which makes nothing equal.
        within_margin: configurations whose mean is at most `MARGIN` below the best, best first.
        chosen: the simplest of them, the one with the fewest weights; of equals the best.
        margin: `MARGIN` when this was decided.
        comparisons: of the best with all the others.
        chosen_comparisons: of the chosen one with all the others.
        winning_baselines: baselines that are significantly better than the chosen configuration,
            best first.
        baselines_ahead: baselines with a higher mean than the chosen one, significant or not, best
            first; see `champion.may_be_champion`.
    """

    best: str
    tied: tuple[str, ...]
    within_margin: tuple[str, ...]
    chosen: str
    margin: float
    comparisons: tuple[Comparison, ...]
    chosen_comparisons: tuple[Comparison, ...]
    winning_baselines: tuple[str, ...]
    baselines_ahead: tuple[str, ...]


def decide(measured: Sequence[Measured], test_train_ratio: float) -> Verdict:
    """Compare the best and the chosen one with every other and every baseline, Holm-corrected.

    Baselines are a family of their own, so how many of them are measured changes nothing among the
    trials. The best of several was picked by its score on these same splits, which favours it a
    little in every comparison.

    Args:
        test_train_ratio: associations held out over associations trained on, of one fold.

    Raises:
        ValueError: no configuration has a finite score.
    """
    trials = [one for one in measured if one.kind != "baseline" and one.is_finite]
    if not trials:
        raise ValueError("no configuration has a finite score on the fresh splits")
    trials.sort(key=lambda one: -one.mean)
    best = trials[0]
    baselines = sorted(
        (one for one in measured if one.kind == "baseline" and one.is_finite),
        key=lambda one: -one.mean,
    )

    def compared(reference: Measured) -> dict[str, Comparison]:
        rivals = [one for one in trials if one is not reference]
        families = (
            _compared(reference, family, test_train_ratio) for family in (rivals, baselines)
        )
        return {one.name: one for family in families for one in family}

    of_best = compared(best)
    rivals = sorted([*trials[1:], *baselines], key=lambda one: -one.mean)
    tied = [one for one in rivals if not of_best[one.name].significant] + [best]
    tied.sort(key=lambda one: -one.mean)
    near = [one for one in trials if best.mean - one.mean <= MARGIN]
    chosen = min(near, key=lambda one: one.weights or 0)  # the first, so the best, of equals
    of_chosen = compared(chosen)
    ahead = [one.name for one in baselines if of_chosen[one.name].difference < 0]
    return Verdict(
        best=best.name,
        tied=tuple(one.name for one in tied),
        within_margin=tuple(one.name for one in near),
        chosen=chosen.name,
        margin=MARGIN,
        comparisons=tuple(of_best.values()),
        chosen_comparisons=tuple(of_chosen.values()),
        winning_baselines=tuple(name for name in ahead if of_chosen[name].significant),
        baselines_ahead=tuple(ahead),
    )


def _compared(
    reference: Measured, family: Sequence[Measured], test_train_ratio: float
) -> list[Comparison]:
    """The reference against each of a family of others."""
    tests = [
        corrected_resampled_t_test(reference.score - one.score, test_train_ratio) for one in family
    ]
    adjusted = holm([test.p_value for test in tests])
    return [
        Comparison(one.name, test.difference, test.standard_error, test.p_value, p_holm)
        for one, test, p_holm in zip(family, tests, adjusted, strict=True)
    ]


def summary_row(one: Measured, test_train_ratio: float) -> dict[str, Any]:
    """One line of the confirmation: its score, and how much of the old one was luck.

    Returns:
        ``name``, ``kind``, ``development_auc``, ``confirmed_auc`` and its ``standard_error``,
        ``ap`` and its ``ap_standard_error``, ``optimism`` in AUC (of a baseline its own
        shift), ``weights``, ``seconds_per_fold``. A study of another metric has that metric's name
        in the place of "auc"; one of AP has "auc" in the place of "ap", see `metric_beside`. None
        where training diverged.
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
        "weights": one.weights,
        "seconds_per_fold": one.seconds,
    }
