"""What a confirmation concludes from its scores: pure functions, nothing is trained or stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from model.evaluation.statistics import corrected_resampled_t_test, corrected_standard_error, holm

ALPHA = 0.05  # of the family of all comparisons
_AS_CHEAP = 1.2
_NOISE = 1.96  # standard errors; between two studies there is no pairing to use


@dataclass(frozen=True, eq=False)
class Measured:
    """One configuration or baseline on the fresh splits.

    Args:
        name: of the trial or baseline.
        auc, ap: (J,) of each fold, splits one after another. NaN where training diverged.
        seconds: median over splits of the training time of one fold, on one core or GPU; None for
            a baseline.
        development_auc: the score by which the study ranked it.
    """

    name: str
    kind: Literal["trial", "baseline"]
    auc: np.ndarray
    ap: np.ndarray
    seconds: float | None
    development_auc: float | None = None

    @property
    def mean(self) -> float:
        return float(self.auc.mean())

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.auc).all())


@dataclass(frozen=True)
class Comparison:
    """One configuration against another or a baseline, on the same folds.

    ``difference`` is its AUC minus the other's, whose ``name`` this is; ``p_holm`` is adjusted over
    its comparisons with all the others.
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
        best: highest mean AUC among configurations.
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
        corrected_resampled_t_test(reference.auc - one.auc, test_train_ratio) for one in others
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
    """One line of the confirmation: its score, and how much of the old one was luck."""
    if not one.is_finite:
        keys = ("confirmed_auc", "standard_error", "ap", "ap_standard_error", "optimism")
        scores: dict[str, float | None] = dict.fromkeys(keys)
    else:
        known = one.development_auc
        scores = {
            "confirmed_auc": one.mean,
            "standard_error": corrected_standard_error(one.auc, test_train_ratio),
            "ap": float(one.ap.mean()),
            "ap_standard_error": corrected_standard_error(one.ap, test_train_ratio),
            "optimism": None if known is None else known - one.mean,
        }
    return {
        "name": one.name,
        "kind": one.kind,
        "development_auc": one.development_auc,
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
    if "fresh_auc" not in present_tags:
        return True, f"{moves}, which was never confirmed"
    new, old_auc = float(tags["fresh_auc"]), float(present_tags["fresh_auc"])
    errors = (float(tags["fresh_auc_se"]), float(present_tags["fresh_auc_se"]))
    noise = _NOISE * float(np.hypot(*errors))
    scores = f"confirmed AUC {new:.4f} against {old_auc:.4f}, noise {noise:.4f}"
    if new - old_auc > noise:
        return True, f"{moves}: {scores}"
    return False, f"{stays}: {scores}"
