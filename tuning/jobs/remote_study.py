"""A study as a job of a Ray cluster: submitted, followed and stopped from a machine outside it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import InputError
from tuning.console import console
from tuning.jobs.client import STUDY, WHERE, ask, asking, job_client, latest_job
from tuning.jobs.replay import Replay
from tuning.jobs.shipment import runtime_environment
from tuning.record.job_log import JobLog

if TYPE_CHECKING:
    from ray.dashboard.modules.job.pydantic_models import JobDetails
    from ray.job_submission import JobSubmissionClient

REDRAW_S = 0.5  # between two drawings of the table, or two questions whether a job has ended
RECONNECT_EVERY_S = 2.0
RECONNECT_TIMEOUT_S = 600.0  # a connection that is lost for so long is given up
SILENCE_TIMEOUT_S = 60.0  # without a line of the log for so long, ask whether the head is there


@dataclass(frozen=True)
class JobEnd:
    """How a job came out.

    Args:
        status: Ray's word for it.
        exit_code: of the command; None where it never ran or was killed.
        message: Ray's, where it failed.
        document: the JSON document of the command; None where it did not come so far.
        text: the last lines of its log that are neither document nor progress.
    """

    status: str
    exit_code: int | None
    message: str
    document: dict[str, Any] | None
    text: Sequence[str]


def submit(address: str, study: str, command: Sequence[str], folder: Path) -> str:
    """Have the head run a command that drives a study; the job's name.

    Args:
        folder: with the files that the command needs, its working directory there.

    Raises:
        InputError: see `job_client`.
    """
    client = job_client(address)
    # Ray refuses a name that it has seen, and a study that goes on is another job.
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", study)
    name = f"{safe}-{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    with asking(address), console.status("sending the study to the cluster ..."):
        return client.submit_job(
            # In place of the shell, so that a signal to the job is one to the study.
            entrypoint=f"exec {shlex.join(command)}",
            submission_id=name,
            runtime_env=runtime_environment(folder),
            metadata={STUDY: study},
        )


def follow(address: str, study: str) -> JobEnd:
    """Draw the live table of a submitted study until its last job has ended.

    A connection that is lost is taken up again; the study does not need it.

    Raises:
        InputError: see `job_client`; no job drives the study; the connection was lost for good.
    """
    client = job_client(address)
    with asking(address):
        job = latest_job(client, study)
    log, replay = JobLog(), Replay(study)
    end = _until_the_end(client, address, str(job.submission_id), log, replay)
    with replay.table, asking(address):
        details = asyncio.run(end)
    code = details.driver_exit_code
    return JobEnd(str(details.status), code, details.message or "", log.document, tuple(log.text))


def stop(address: str, study: str) -> None:
    """Have a submitted study stop in order, as Ctrl-C does, and wait until it has.

    Raises:
        InputError: see `job_client`; no job drives the study.
    """
    client = job_client(address)
    with asking(address):
        job = latest_job(client, study)
        if job.status.is_terminal():
            raise InputError(
                f"no job on the cluster drives the study {study!r} any more",
                where="study",
                hint=f"`mmatune study watch {study} --address {address}` says how it ended",
            )
        client.stop_job(str(job.submission_id))
        while not client.get_job_status(str(job.submission_id)).is_terminal():
            time.sleep(REDRAW_S)


async def _until_the_end(
    client: JobSubmissionClient, address: str, job: str, log: JobLog, replay: Replay
) -> JobDetails:
    import aiohttp
    import requests

    broken = (OSError, RuntimeError, aiohttp.ClientError, requests.RequestException)
    drawing = asyncio.create_task(_draw(replay))
    lost: float | None = None  # time since which nobody answers
    ended = False
    try:
        while True:
            whole = False
            with contextlib.suppress(*broken):
                whole = await _read(client, job, log, replay)
            try:
                ask(address)
                details = next(
                    (one for one in client.list_jobs() if one.submission_id == job), None
                )
                lost = None
            except broken as error:
                if lost is None:
                    lost = time.monotonic()
                    console.print("The connection is lost; the study goes on. Trying again ...")
                elif time.monotonic() - lost > RECONNECT_TIMEOUT_S:
                    minutes = f"{RECONNECT_TIMEOUT_S / 60:.0f} minutes"
                    raise InputError(
                        f"no connection for {minutes}; the study goes on",
                        where=WHERE,
                        hint="open the tunnel again, then `mmatune study watch`",
                    ) from error
            else:
                if details is None:
                    raise InputError(
                        "Ray was started anew on the head, which ended the study",
                        where=WHERE,
                        hint="`mmatune tune ... --resume` goes on with it",
                    )
                if details.status.is_terminal():
                    if whole or ended:
                        return details
                    ended = True  # read once more, or the end of the log may be missing
            await asyncio.sleep(RECONNECT_EVERY_S)
    finally:
        drawing.cancel()


async def _read(client: JobSubmissionClient, job: str, log: JobLog, replay: Replay) -> bool:
    """Read what is new in the log; true at its end, false where no line came for a while."""
    loop = asyncio.get_running_loop()
    seen, position = log.size, 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SILENCE_TIMEOUT_S) as silence:
            # Ray sends the log from its beginning, so what was read before is skipped.
            async for chunk in client.tail_job_logs(job):
                silence.reschedule(loop.time() + SILENCE_TIMEOUT_S)
                for event in log.feed(chunk[max(0, seen - position) :]):
                    replay.see(event)
                position += len(chunk)
            return True
    return False


async def _draw(replay: Replay) -> None:
    while True:
        replay.table.refresh()
        await asyncio.sleep(REDRAW_S)
