"""The reliability of a model's probabilities as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.evaluation.calibration import Reliability

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_figure(reliability: Reliability) -> Figure:
    """Observed against predicted, both on logarithmic axes, with 95 % intervals."""
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    bins = [one for one in reliability.bins if one.associations]
    predicted = [one.predicted for one in bins]
    observed = [one.observed for one in bins]
    below = [one.observed - one.observed_low for one in bins]
    above = [one.observed_high - one.observed for one in bins]
    figure = Figure(figsize=(5.4, 4.6))
    axis = figure.subplots()
    ends = (0.5 * min(predicted + observed), min(1.0, 2 * max(predicted + observed)))
    axis.plot(ends, ends, color="#999999", lw=1, label="what they say is what happens")
    axis.errorbar(
        predicted,
        observed,
        yerr=(below, above),
        fmt="o",
        ms=4,
        capsize=2,
        color="#0072b2",
        label="pairs of similar probability",
    )
    axis.axhline(reliability.base_rate, color="#d55e00", lw=1, ls=":", label="base rate")
    axis.set(xscale="log", yscale="log", xlim=ends)
    axis.set_xlabel("predicted probability")
    axis.set_ylabel("share that were held-out associations")
    axis.set_title("Folds that the map was not fitted to", fontsize=10)
    axis.legend(fontsize=8, frameon=False)
    axis.grid(alpha=0.3)
    figure.tight_layout()
    return figure
