"""Checks a cluster file before any money is spent on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from model.errors import InputError
from tuning.cluster.check.findings import Findings
from tuning.cluster.check.project_rules import project_mistakes, things_to_do
from tuning.cluster.check.ray_rules import ray_mistakes
from tuning.cluster.check.reaching import not_looked_at, unreachable


def check_cluster_file(path: Path) -> Findings:
    """All mistakes of a cluster file, and what is left to fill in.

    The machines of one's own and the bucket are asked too, once the file names them and has no
    other mistake.

    Raises:
        InputError: the file cannot be read as a cluster file at all.
    """
    cluster = read_cluster_file(path)
    mistakes = [*ray_mistakes(cluster), *project_mistakes(cluster, path.absolute().parent)]
    if not mistakes:
        mistakes = list(unreachable(cluster))
    return Findings(mistakes, list(things_to_do(cluster)), list(not_looked_at(cluster)))


def read_cluster_file(path: Path) -> dict[str, Any]:
    """The document in a cluster file.

    Raises:
        InputError: there is no file, it is no YAML, or holds something else.
    """
    try:
        cluster = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), hint="cluster.yaml is an example"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = " ".join(str(error).split())[:200]
        raise InputError(f"is no YAML: {first}", where=str(path)) from error
    if not isinstance(cluster, dict) or "provider" not in cluster:
        raise InputError(
            "has no `provider`, so it is no cluster file",
            where=str(path),
            hint="cluster.yaml is an example",
        )
    return cluster
