"""How many trials share a device: chosen from measurements, and said with the reason.

Choosing asks nothing of Ray or a device: measurements go in, the choice and its reason come out.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Final

from model.errors import InputError
from tuning.forecast.probe import MARGIN, Probe, largest_number, part_of_a_gpu

AUTO: Final = "auto"
_WORTH = 1.05  # times the throughput: fewer trials at once let the search learn more from each
_WHERE = "--gpus-per-trial"


@dataclass(frozen=True)
class Packing:
    """What one trial gets.

    Args:
        per_device: how many trials share a GPU, or a machine without one.
        gpus: part of a GPU.
        memory: bytes of main memory.
        reason: one line for people.
    """

    per_device: int
    gpus: float
    memory: int
    reason: str


def choose(probe: Probe) -> Packing:
    """Choose how trials are packed.

    On a GPU: the fewest at once that come within 5 % of the best total throughput among those that
    were measured and fit into its memory, the machine's and the cores. Without one: a thread each,
    as many as there are cores and memory.

    Raises:
        InputError: a single trial does not fit.
    """
    fit = number_that_fits(probe, 1)
    needs = _needs(probe)
    memory = math.ceil(probe.trial_machine_memory / (1 - MARGIN))
    if probe.device == "cpu":
        number = min(probe.cores, fit)
        bound = "as many as cores" if number == probe.cores else "as many as fit into memory"
        reason = (
            f"torch sees no GPU: one thread a trial, {number} at once on a machine,"
            f" {bound}; {needs}"
        )
        return Packing(number, 0.0, memory, reason)
    allowed = {
        number: rate for number, rate in probe.throughput.items() if number <= min(fit, probe.cores)
    }
    best = max(allowed.values())
    number = min(number for number, rate in allowed.items() if rate * _WORTH >= best)
    rates = ", ".join(f"{rate:.3g} with {number}" for number, rate in sorted(allowed.items()))
    reason = (
        f"{number} at once on {probe.name}: epochs a second of all together {rates};"
        f" {needs}, room for {fit} with {MARGIN:.0%} left free"
    )
    return Packing(number, part_of_a_gpu(number), memory, reason)


def number_that_fits(probe: Probe, wanted: int) -> int:
    """How many trials fit into the memory of a device.

    Raises:
        InputError: fewer than are wanted.
    """
    fit = largest_number(asdict(probe))
    if fit < wanted:
        has = _gib(probe.machine_memory)
        if probe.device != "cpu":
            has += f", {_gib(probe.device_memory)} on the GPU"
        raise InputError(
            f"{_needs(probe)}, {wanted} at once do not fit: there are {has}, of which"
            f" {MARGIN:.0%} stay free",
            where=_WHERE,
            hint=f"`{_WHERE} {AUTO}` lets {fit} share it"
            if fit
            else "narrow the space, or use a machine with more memory",
        )
    return fit


def _needs(probe: Probe) -> str:
    text = f"a trial takes {_gib(probe.trial_machine_memory)} of memory"
    if probe.device != "cpu":
        text += f" and {_gib(probe.trial_device_memory)} of the GPU's"
    return text


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
