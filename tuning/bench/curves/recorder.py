"""`bench record`: trains random points of a space to the end and records their whole curves.

Every point that is done is one line of a file beside the recording, so an interrupted recording
goes on where it was, and a longer one takes over what a shorter one has. Lines hold their point's
number: the order in which processes end does not matter.
"""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.protocols import Fold, Protocol, development_folds
from model.network.autoencoder import Configuration
from tuning.bench.curves.recorded import RecordedCurves, write_curves
from tuning.metric import AUC

# What two recordings must share to be one; the machine and the day may differ.
_SAME = ("data_hash", "protocol", "seed", "space", "epochs", "report_every")


@dataclass(frozen=True)
class Recording:
    """What is recorded.

    Args:
        space: what the points are of, in words.
        seed: fixes the folds and every point's randomness, as a study's does.
        epochs: of every curve, a multiple of ``report_every``.
    """

    dataset: AssociationDataset
    protocol: Protocol
    space: str
    seed: int = 0
    epochs: int = 300
    report_every: int = 10
    device: str = "cpu"

    def about(self) -> dict[str, str]:
        """What the recording says of itself."""
        import torch

        named = torch.cuda.get_device_name() if self.device == "cuda" else "CPU, one thread each"
        return {
            "data": self.dataset.name,
            "data_hash": self.dataset.content_hash,
            "protocol": self.protocol.name,
            "seed": str(self.seed),
            "space": self.space,
            "epochs": str(self.epochs),
            "report_every": str(self.report_every),
            "device": f"{named}, torch {torch.__version__}",
            "recorded": date.today().isoformat(),
        }


@dataclass(frozen=True)
class _Line:
    number: int
    point: dict[str, Any]
    auc: list[list[float | None]]  # (E, K); None where the trial had diverged
    seconds: list[float]  # (E,)


def record_curves(
    recording: Recording,
    points: Sequence[dict[str, Any]],
    configuration: Callable[[dict[str, Any]], Configuration],
    path: Path,
    *,
    processes: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RecordedCurves:
    """Record the points that the file lacks, and write all of them to it.

    Args:
        points: the searched parameters of each, by dotted name.
        configuration: of a point.
        path: the ``.npz`` that `read_curves` reads; the lines are in ``.jsonl`` beside it.
        processes: points that are trained side by side, each by a process with one thread.
        progress: called with the number of points that are done and that of all.

    Raises:
        InputError: the lines there are of something else, or the file cannot be written.
    """
    lines = _open_lines(path.with_suffix(".jsonl"), recording.about(), points)
    wanted = {number: configuration(point) for number, point in enumerate(points)}
    missing = [number for number in wanted if number not in lines]
    progress(len(lines), len(points))
    folds = development_folds(recording.dataset, recording.protocol, recording.seed)
    about = {**recording.about(), "side_by_side": str(processes)}
    try:
        # Fresh processes: CUDA does not survive a fork.
        with ProcessPoolExecutor(
            processes,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(recording, tuple(folds)),
        ) as pool:
            waiting = {pool.submit(_measure, wanted[number]): number for number in missing}
            try:
                for future in as_completed(waiting):
                    number = waiting[future]
                    lines[number] = _Line(number, points[number], *future.result())
                    _append(path.with_suffix(".jsonl"), asdict(lines[number]))
                    progress(len(lines), len(points))
            except BrokenProcessPool:
                raise InputError(
                    f"a process died; {len(lines)} of {len(points)} points are recorded",
                    where="--processes",
                    hint="the same command goes on; fewer processes need less memory",
                ) from None
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        if lines:
            write_curves(_curves(about, lines, recording), path)
    return _curves(about, lines, recording)


_work: dict[str, Any] = {}  # of a process of the pool


def _begin(recording: Recording, folds: tuple[Fold, ...]) -> None:
    import torch

    # The user's Ctrl-C reaches every process: this one ends at once and without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    _work.update(recording=recording, folds=folds)


def _measure(configuration: Configuration) -> tuple[list[list[float | None]], list[float]]:
    """(E, K) AUC of each fold at each report, and (E,) seconds since the report before."""
    from model.training.cross_validation import CrossValidation

    recording, folds = _work["recording"], _work["folds"]
    started = time.perf_counter()
    validation = CrossValidation(
        configuration, recording.dataset, folds, seed=recording.seed, device=recording.device
    )
    reports = recording.epochs // recording.report_every
    auc: list[list[float | None]] = []
    seconds = []
    while len(auc) < reports:
        validation.train(recording.report_every)
        scores = [float(fold[AUC]) for fold in validation.evaluate().folds]
        now = time.perf_counter()
        seconds.append(now - started)
        started = now
        if not all(map(math.isfinite, scores)):  # diverged: a trial of a study ends here
            left = reports - len(auc)
            lost: list[float | None] = [None] * len(folds)
            return auc + [lost] * left, seconds + [0.0] * (left - 1)
        auc.append([*scores])
    return auc, seconds


def _open_lines(
    path: Path, about: dict[str, str], points: Sequence[dict[str, Any]]
) -> dict[int, _Line]:
    """The lines of an earlier recording that are of these points; else a file with a first line.

    A process that is killed may leave half a line, which is cut off.
    """
    try:
        written = path.read_bytes() if path.exists() else b""
        whole = written[: written.rfind(b"\n") + 1]
        if not whole:
            path.write_text(json.dumps(about) + "\n", encoding="utf-8")
            return {}
        if len(whole) < len(written):
            with path.open("r+b") as file:
                file.truncate(len(whole))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from None
    first, *rest = map(json.loads, whole.decode().splitlines())
    other = [key for key in _SAME if first.get(key) != about[key]]
    if other:
        was = ", ".join(f"{key} {first.get(key)!r}, now {about[key]!r}" for key in other)
        raise InputError(
            f"it holds another recording: {was}", where=str(path), hint="name another --out"
        )
    lines = {line["number"]: _Line(**line) for line in rest}
    strange = [
        number
        for number, line in lines.items()
        if number < len(points) and line.point != points[number]
    ]
    if strange:
        raise InputError(
            f"its point {strange[0]} is another one", where=str(path), hint="name another --out"
        )
    return lines


def _append(path: Path, line: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _curves(about: dict[str, str], lines: dict[int, _Line], recording: Recording) -> RecordedCurves:
    ordered = [lines[number] for number in sorted(lines)]
    return RecordedCurves(
        about=about,
        points=tuple(line.point for line in ordered),
        epochs=np.arange(recording.report_every, recording.epochs + 1, recording.report_every),
        auc=np.array([line.auc for line in ordered], dtype=float),
        seconds=np.array([line.seconds for line in ordered]),
    )
