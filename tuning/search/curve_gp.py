"""A sampler that learns from running and stopped trials: a Gaussian process on completed curves.

A trial that was stopped early is not told what it would have scored, and its last score is no
measure of it. So each curve is completed first, by a straight line from the score at its last
epoch to the final one, fitted to the trials that went on. A Gaussian process on the ranks of the
completed scores then suggests the candidate with the highest expected improvement.

Shape legend: N trials, C candidates, D encoded dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from tuning.ending import Ending
from tuning.search.encoding import Encoding
from tuning.search.resumption import ENDED

STARTUP = 10  # random points, counted as they are suggested, so that many places at once soon learn
SCORED = 4  # trials with a score that a model needs
RANDOM_CANDIDATES, NEAR_CANDIDATES = 200, 200
PARENTS = 5  # best trials that candidates are drawn near to
_ROOT_2_PI = math.sqrt(2 * math.pi)
_SMOOTHED = 3  # reports whose mean stands for the score at an epoch
MOST = 120  # trials that are modelled, the best of them; the cost grows with the third power
# Of the kernel, tried by marginal likelihood; lengths in units of the root of the dimension.
_LENGTHS = (0.3, 0.5, 0.9, 1.6)
_NOISES = (0.1, 0.25, 0.5)


class CurveGPSampler(BaseSampler):
    """Expected improvement of a Gaussian process on completed curves.

    Running trials narrow the process where they are, with their curve so far or without a score,
    so that places side by side get different points (Desautels et al. 2014). Every parameter that
    some trial had is suggested; one that a trial lacks is taken to be in the middle there.
    """

    def __init__(self, seed: int, startup: int = STARTUP) -> None:
        self.startup = startup
        self._rng = np.random.default_rng(seed)
        self._independent = RandomSampler(seed)

    def reseed_rng(self) -> None:
        self._rng = np.random.default_rng()
        self._independent.reseed_rng()

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """What trials had so far; nothing as long as points are random."""
        trials = _of(study)
        if trial.number < self.startup or sum(map(is_scored, trials)) < SCORED:
            return {}
        known: dict[str, BaseDistribution] = {}
        for one in trials:
            known.update(one.distributions)
        return {name: known[name] for name in sorted(known) if not known[name].single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        trials = [one for one in _of(study) if one.number != trial.number]
        known = known_trials(trials, _sign(study))
        encoding = Encoding(search_space)
        parents = encoding.rows([one.params for one in known.scored[:PARENTS]])
        candidates = np.concatenate(
            [
                encoding.random(RANDOM_CANDIDATES, self._rng),
                encoding.near(parents, NEAR_CANDIDATES, self._rng),
            ]
        )
        return encoding.point(candidates[best_candidate(known, candidates, encoding)])

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._independent.sample_independent(study, trial, param_name, param_distribution)


@dataclass(frozen=True)
class KnownTrials:
    """What a model learns from.

    Args:
        scored: trials with a score so far, the best `MOST` of them, best first.
        final: (N,) their completed scores, higher is better.
        pending: trials that run without a score so far.
    """

    scored: list[FrozenTrial]
    final: np.ndarray
    pending: list[FrozenTrial]


def known_trials(trials: Sequence[FrozenTrial], sign: float = 1.0) -> KnownTrials:
    """Sort trials by what is known of them.

    Args:
        sign: 1 if scores are maximised, -1 if minimised.
    """
    scored = [trial for trial in trials if is_scored(trial)]
    final = _final(scored, sign)
    kept = np.argsort(-final, kind="stable")[:MOST]
    pending = [one for one in trials if one.state is TrialState.RUNNING and not is_scored(one)]
    return KnownTrials([scored[place] for place in kept], final[kept], pending[-MOST:])


def best_candidate(known: KnownTrials, candidates: np.ndarray, encoding: Encoding) -> int:
    """Place of the candidate with the highest expected improvement.

    Args:
        candidates: (C, P) rows of the encoding.
    """
    target = ndtri((rankdata(known.final) - 0.5) / len(known.final))
    seen, pending = (
        encoding.features(encoding.rows([one.params for one in some]))
        for some in (known.scored, known.pending)
    )
    mean, sd = posterior(seen, target, pending, encoding.features(candidates))
    gain = mean - target.max()
    improvement = gain * ndtr(gain / sd) + sd * np.exp(-0.5 * (gain / sd) ** 2) / _ROOT_2_PI
    return int(improvement.argmax())


def completed(curves: Sequence[Mapping[int, float]], scores: Sequence[float]) -> np.ndarray:
    """(N,) what each trial would have scored, had it gone on to the last epoch of the longest.

    Args:
        curves: score by epoch, higher is better.
        scores: of each trial as it is; kept where nothing longer says how it would have gone on.
    """
    score = np.array(scores, dtype=float)
    epochs = sorted({epoch for curve in curves for epoch in curve})
    place = {epoch: column for column, epoch in enumerate(epochs)}
    report = np.full((len(curves), len(epochs)), np.nan)  # (N, E)
    for row, curve in zip(report, curves, strict=True):
        for epoch, value in curve.items():
            row[place[epoch]] = value
    reached = np.array([place[max(curve)] if curve else -1 for curve in curves])
    # From the longest down, so that a curve is completed by some that are completed already.
    for end in sorted({*reached.tolist()} - {-1}, reverse=True)[1:]:
        last = report[:, max(0, end + 1 - _SMOOTHED) : end + 1]
        here = reached == end
        longer = (reached > end) & ~np.isnan(last).all(axis=1)
        if longer.any():
            then, now = np.nanmean(last[longer], axis=1), np.nanmean(last[here], axis=1)
            score[here] = _line(then, score[longer], now)
    return score


def _line(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A line through the means; its slope is drawn to 1 as by a few more points."""
    spread = x.var() + 1e-12
    weight = len(x) / (len(x) + 5)
    slope = weight * np.clip(((x - x.mean()) * (y - y.mean())).mean() / spread, 0, 2) + 1 - weight
    line: np.ndarray = y.mean() + slope * (at - x.mean())
    return line


def posterior(
    x: np.ndarray, y: np.ndarray, pending: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(C,) mean and standard deviation of a Gaussian process with a Matern kernel (nu = 5/2).

    Args:
        x: (N, D) where ``y`` (N,), of mean 0 and variance about 1, was seen.
        pending: (P, D) where something will be seen: they narrow, and move no mean.
        at: (C, D).
    """
    distances, root = cdist(x, x), math.sqrt(x.shape[1])
    likelihood, length, noise = -math.inf, 0.0, 0.0
    for tried in _LENGTHS:
        kernel = _matern(distances / (tried * root))
        for part in _NOISES:
            lower = _cholesky((1 - part) * kernel, part)
            half = solve_triangular(lower, y, lower=True, check_finite=False)
            log = -0.5 * half @ half - np.log(np.diag(lower)).sum()
            if log > likelihood:
                likelihood, length, noise = log, tried * root, part
    seen = np.concatenate([x, pending]) if len(pending) else x
    to_all = (1 - noise) * _matern(cdist(seen, at) / length)  # (N + P, C)
    lower = _cholesky((1 - noise) * _matern(cdist(seen, seen) / length), noise)
    half = solve_triangular(lower, to_all, lower=True, check_finite=False)
    variance = (1 - noise) - (half**2).sum(axis=0)
    # The trials that were seen come first, so their part of the factor is their own.
    mean = solve_triangular(lower[: len(x), : len(x)], y, lower=True) @ half[: len(x)]
    return mean, np.sqrt(np.maximum(variance, 1e-9))


def _cholesky(kernel: np.ndarray, noise: float) -> np.ndarray:
    kernel.flat[:: len(kernel) + 1] += noise
    lower: np.ndarray = cholesky(kernel, lower=True, overwrite_a=True, check_finite=False)
    return lower


def _matern(scaled: np.ndarray) -> np.ndarray:
    far = math.sqrt(5) * scaled
    kernel: np.ndarray = (1 + far + far**2 / 3) * np.exp(-far)
    return kernel


def _of(study: Study) -> list[FrozenTrial]:
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    return [trial for trial in study.get_trials(deepcopy=False, states=states) if trial.params]


def _sign(study: Study) -> float:
    return 1.0 if study.direction is StudyDirection.MAXIMIZE else -1.0


def is_scored(trial: FrozenTrial) -> bool:
    """Whether there is something to learn from a trial: a report, or that it diverged."""
    if trial.state is TrialState.COMPLETE or _diverged(trial):
        return True
    return any(map(math.isfinite, trial.intermediate_values.values()))


def _diverged(trial: FrozenTrial) -> bool:
    return trial.user_attrs.get(ENDED) == Ending.FAILED and trial.state.is_finished()


def _final(trials: Sequence[FrozenTrial], sign: float) -> np.ndarray:
    """(N,) completed scores of trials that `is_scored`, higher is better.

    A trial that diverged is as bad as the worst of the others, however good it was before.
    """
    good = np.array([not _diverged(trial) for trial in trials])
    final = np.zeros(len(trials))
    if good.any():
        known = [_known(trial, sign) for trial in trials if not _diverged(trial)]
        final[good] = completed([curve for curve, _ in known], [score for _, score in known])
        final[~good] = final[good].min()
    return final


def _known(trial: FrozenTrial, sign: float) -> tuple[dict[int, float], float]:
    """A trial's curve and its score as it is."""
    reports = trial.intermediate_values.items()
    curve = {epoch: sign * score for epoch, score in reports if math.isfinite(score)}
    if trial.state is TrialState.COMPLETE and trial.value is not None:
        return curve, sign * trial.value
    last = sorted(curve)[-_SMOOTHED:]
    return curve, math.fsum(curve[epoch] for epoch in last) / len(last)
