"""Replays side by side, in processes of one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar
from unittest.mock import patch

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(
    function: Callable[[Job], Result], jobs: Sequence[Job], processes: int
) -> Iterator[Result]:
    """The result of each job, in order.

    The processes are new ones: a thread pool that was set up before would ignore the variables.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with (
        patch.dict(os.environ, threads),
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
    ):
        yield from pool.map(function, jobs, chunksize=10)
