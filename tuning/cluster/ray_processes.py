"""The processes of a Ray session that this process started; those of a cluster are none of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from model.errors import InputError
from tuning.console import console, is_for_documents, print_error


def own_processes(name: str) -> list[psutil.Process]:
    """Of that name, such as ``raylet``."""
    return [one for one in psutil.Process().children() if one.name() == name]


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that nobody has waited for since its death does not."""
    with suppress(psutil.Error):
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


@contextmanager
def ended_without_gcs(problem: InputError) -> Iterator[None]:
    """End this process with a line where the store of a Ray session of our own (its GCS) dies.

    Calls into Ray then neither return nor let a signal in, so nothing can be closed. After a minute
    Ray would end the process, with a text of its own. What is left open the next command closes.
    """
    watched, is_over = own_processes("gcs_server"), threading.Event()

    def watch() -> None:
        while not is_over.wait(1.0):
            if not all(lives(one) for one in watched):
                console.show_cursor()
                print_error(problem, as_json=is_for_documents())
                os._exit(2)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        is_over.set()
        watching.join()
