"""Samplers: what chooses the points of a search. Adding one is one entry of `SAMPLERS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from model.table import Table
from search_spaces.schema import SearchSpace

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

# An Optuna sampler that is seeded, for a study of that space. It is asked by one process and has
# to take trials that are running, and those that were stopped early (PRUNED), as they are.
SamplerFactory = Callable[[int, SearchSpace], "BaseSampler"]


def _tpe(seed: int, space: SearchSpace) -> BaseSampler:
    """Tree-structured Parzen estimator (Bergstra et al. 2011), over all parameters jointly.

    Every setting that decides a suggestion is named, so that a new default of Optuna's changes
    nothing.
    """
    from optuna.samplers import TPESampler

    return TPESampler(
        seed=seed,
        n_startup_trials=10,  # random points, until as many trials have ended
        n_ei_candidates=24,  # points drawn, of which the best is suggested
        multivariate=True,
        group=False,
        constant_liar=True,  # running trials count as bad ones: the next goes elsewhere
    )


def _random(seed: int, space: SearchSpace) -> BaseSampler:
    """Independent points, each parameter uniform over its range or over its logarithm's."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


def _gp(seed: int, space: SearchSpace) -> BaseSampler:
    """Optuna's Gaussian process with a length for each parameter; a suggestion takes 0.2 s."""
    from optuna.samplers import GPSampler

    return GPSampler(
        seed=seed,
        n_startup_trials=10,  # random points, until as many trials have ended
        deterministic_objective=False,  # the same point trained again scores otherwise
    )


def _curve_gp(seed: int, space: SearchSpace) -> BaseSampler:
    """A Gaussian process that reads the curves of running and stopped trials too."""
    from tuning.search.curve_gp import CurveGPSampler

    return CurveGPSampler(seed)


SAMPLERS: Table[SamplerFactory] = Table(
    "sampler",
    "mmatune.samplers",
    {"tpe": _tpe, "random": _random, "gp": _gp, "curve-gp": _curve_gp},
)


def sampler_seed(seed: int, suggested: int) -> int:
    """The seed of a sampler that goes on after so many suggestions, of which it knows nothing.

    A sampler that began with the study's seed once more would suggest the same points again.
    """
    import numpy as np

    if suggested == 0:
        return seed
    return int(np.random.SeedSequence([seed, suggested]).generate_state(1)[0])
