"""The head's end of a submitted study: what is looked at before it begins."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

from model.data.catalogue import DOWNLOADS
from model.errors import InputError
from tuning.home import data_folder
from tuning.record.job_log import SUBMITTED_BY


def prepare(dataset: str) -> None:
    """Make sure that the study can begin here, and fetch its data if they are published ones.

    Raises:
        InputError: another version of mmatune is installed here, nothing says where this machine
            keeps studies, or the data cannot be fetched.
    """
    theirs, ours = os.environ[SUBMITTED_BY], importlib.metadata.version("mmatune")
    if theirs != ours:
        # The code came along; the packages that it needs did not.
        raise InputError(
            f"the cluster has mmatune {ours}, you have {theirs}",
            where="--address",
            hint="`ray up` with your copy's cluster.yaml, or install the cluster's version",
        )
    home = os.environ.get("MMATUNE_HOME", "")
    if not Path(home).expanduser().is_absolute():
        # The current folder is one that Ray removes after the job.
        raise InputError(
            "nothing says where the head keeps studies",
            where="MMATUNE_HOME",
            hint="start Ray on the head with MMATUNE_HOME set to an absolute folder",
        )
    if dataset in DOWNLOADS:
        from model.data.download import download

        download(dataset, data_folder())
