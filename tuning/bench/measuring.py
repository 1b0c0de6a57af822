"""How a benchmark measures: repeats in turn, medians, and ratios of one run."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured quantity over its repeats; ``value`` is the median."""

    name: str
    value: float
    unit: str
    min: float
    median: float
    max: float
    repeats: int

    @classmethod
    def of(cls, name: str, values: list[float], unit: str) -> Figure:
        """The figure of some repeats."""
        middle = median(values)
        return cls(name, middle, unit, min(values), middle, max(values), len(values))


def in_turn(
    actions: Mapping[str, Callable[[], None]],
    repeats: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[float]]:
    """Wall seconds of each action, A B C A B C ..., so that a machine's drift hits all alike.

    Every action runs once before, uncounted.
    """
    for action in actions.values():
        action()
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for done in range(repeats):
        progress(done, repeats)
        for name, action in actions.items():
            started = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def paired_ratio(of: list[float], to: list[float]) -> float:
    """Median over the repeats of one action's time over the other's in the same turn."""
    return median(one / other for one, other in zip(of, to, strict=True))


def document(figures: list[Figure], ratios: Mapping[str, float]) -> dict[str, Any]:
    """As JSON: the machine, the figures, the ratios."""
    return {
        "machine": machine(),
        "figures": [asdict(figure) for figure in figures],
        "ratios": dict(ratios),
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpu": gpu,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


@contextmanager
def own_home() -> Iterator[None]:
    """A home folder, and no tracking server, for the time of a benchmark."""
    before = {name: os.environ.pop(name, None) for name in ("MMATUNE_HOME", "MLFLOW_TRACKING_URI")}
    with tempfile.TemporaryDirectory(prefix="mmatune-bench-") as folder:
        os.environ["MMATUNE_HOME"] = folder
        try:
            yield
        finally:
            del os.environ["MMATUNE_HOME"]
            os.environ.update({name: value for name, value in before.items() if value})


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
