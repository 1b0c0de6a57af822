"""Which rungs pay: random search with other schedules of ASHA, replayed on recorded trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from search_spaces.schedule import Schedule
from search_spaces.schema import SearchSpace
from tuning.bench.recording import Curve
from tuning.bench.simulation import Cluster, Costs, draw_trials, simulate
from tuning.record.fidelity import rank_correlations

FEW, MANY = 12, 120  # trials: what so many reach without ASHA is the goal; given up after so many
FIRST, FACTORS = (20, 40, 60), (2, 3, 4)
FIDELITY = (20, 40, 60, 120, 180)  # epochs


def compare_rungs(curves: Sequence[Curve], space: SearchSpace, *, draws: int) -> dict[str, Any]:
    """Compute until ASHA has what random search without it reached, over the latter's.

    One device, no other costs. The goal is the best of `FEW` drawn trials, the search draws anew.

    Returns:
        ``fidelity`` (see `tuning.record.fidelity.rank_correlations`), and ``schedules``:
        ``first_rung`` and ``reduction_factor`` (None: without ASHA, which is luck alone), ``ratio``
        (quartiles over the draws, None where infinite), ``reached`` (share of the draws).
    """
    every = space.schedule.report_every
    last = space.max_epochs
    whole = space.model_copy(
        update={"schedule": Schedule(report_every=every, first_rung=last - last % every)}
    )
    goals = [
        simulate(draw_trials(curves, FEW, seed), whole, Cluster(1), Costs())
        for seed in range(draws)
    ]
    tried: list[tuple[int | None, int | None, SearchSpace]] = [(None, None, whole)]
    for first in FIRST:
        for factor in FACTORS:
            schedule = Schedule(report_every=every, first_rung=first, reduction_factor=factor)
            tried.append((first, factor, space.model_copy(update={"schedule": schedule})))
    schedules = []
    for shown_first, shown_factor, one in tried:
        ratios = []
        for seed, goal in enumerate(goals):
            outcome = simulate(draw_trials(curves, MANY, draws + seed), one, Cluster(1), Costs())
            ratios.append(outcome.time_to(goal.best[-1][1]) / goal.wall)
        # An order statistic and no interpolation, for some may be infinite.
        quartiles = np.quantile(ratios, (0.25, 0.5, 0.75), method="higher").tolist()
        schedules.append(
            {
                "first_rung": shown_first,
                "reduction_factor": shown_factor,
                "ratio": [value if np.isfinite(value) else None for value in quartiles],
                "reached": float(np.isfinite(ratios).mean()),
            }
        )
    points = [dict(zip(curve.epochs, curve.scores, strict=True)) for curve in curves]
    return {"fidelity": rank_correlations(points, FIDELITY), "schedules": schedules}
