"""Ray's job API at the head's dashboard, which an ssh tunnel brings to this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model.errors import InputError

if TYPE_CHECKING:
    from ray.dashboard.modules.job.pydantic_models import JobDetails
    from ray.job_submission import JobSubmissionClient

WHERE = "--address"
STUDY = "mmatune_study"  # key of a job's metadata: the study that it drives
_SECONDS = 10.0  # within which a dashboard answers


def job_client(address: str) -> JobSubmissionClient:
    """A client of the dashboard at ``http://HOST:PORT``.

    Raises:
        InputError: it is no such address, nobody answers there, or the token is wrong or missing.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise InputError(
            f"a study cannot be driven through {address}: it would die with the connection",
            where=WHERE,
            hint="give the head's dashboard, http://127.0.0.1:8265 through"
            " `ray attach cluster.yaml -p 8265`",
        )
    # Ray would take these instead of the address that it is given.
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        os.environ.pop(name, None)
    # One quick question first: Ray's client would wait as long as the system does.
    with asking(address):
        ask(address)
        from ray.job_submission import JobSubmissionClient

        # They tell of each package that is sent, and of each log that ends.
        for name in ("dashboard_sdk", "job.sdk"):
            logging.getLogger(f"ray.dashboard.modules.{name}").setLevel(logging.ERROR)
        logging.getLogger("ray").setLevel(logging.ERROR)
        return JobSubmissionClient(address)


def ask(address: str) -> None:
    """Whether a server answers there, whatever it says; ConnectionError where none does."""
    import requests

    try:
        requests.get(f"{address.rstrip('/')}/api/version", timeout=_SECONDS)
    except requests.RequestException as error:
        raise ConnectionError(type(error).__name__) from error


@contextmanager
def asking(address: str) -> Iterator[None]:
    """Whatever goes wrong between here and the dashboard, as one clear line."""
    import requests
    from ray.exceptions import AuthenticationError

    try:
        yield
    except (ConnectionError, requests.ConnectionError, requests.Timeout) as error:
        raise InputError(
            f"no Ray dashboard answers at {address}",
            where=WHERE,
            hint="is the tunnel open? `ray attach cluster.yaml -p 8265`",
        ) from error
    except AuthenticationError as error:
        raise InputError(
            f"this machine's token is not that of the Ray cluster at {address}",
            where=WHERE,
            hint="set RAY_AUTH_MODE=token; the cluster's token belongs in ~/.ray/auth_token",
        ) from error
    except (RuntimeError, ValueError, requests.RequestException) as error:
        # Ray's client puts the server's traceback behind its message.
        line = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise InputError(
            f"Ray's job API at {address} refuses: {line[:300]}", where=WHERE
        ) from error


def latest_job(client: JobSubmissionClient, study: str) -> JobDetails:
    """The last submitted job that drives the study, running or over.

    Raises:
        InputError: there is none.
    """
    jobs = [
        job
        for job in client.list_jobs()
        if job.submission_id and (job.metadata or {}).get(STUDY) == study
    ]
    if not jobs:
        raise InputError(
            f"no job on the cluster drives a study {study!r}",
            where="study",
            hint="jobs do not outlive the head's Ray; `mmatune tune ... --resume` submits another",
        )
    return max(jobs, key=lambda job: job.start_time or 0)
