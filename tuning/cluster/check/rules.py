"""Checks a cluster file before any money is spent on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model.errors import InputError
from search_spaces.yaml_file import read_yaml
from tuning.cluster.check.findings import Finding, Findings
from tuning.cluster.check.project_rules import project_mistakes, things_to_do
from tuning.cluster.check.ray_rules import ray_mistakes
from tuning.cluster.check.reaching import not_looked_at, unreachable
from tuning.cluster.check.shape import wrong_kinds


def check_cluster_file(path: Path) -> Findings:
    """All mistakes of a cluster file, and what is left to fill in.

    The machines of one's own and the bucket are asked too, once the file names them and has no
    other mistake.

    Raises:
        InputError: the file cannot be read as a cluster file at all.
    """
    cluster = read_cluster_file(path)
    mistakes = mistakes_of(cluster, path.absolute().parent)
    if not mistakes:
        mistakes = list(unreachable(cluster))
    return Findings(mistakes, list(things_to_do(cluster)), list(not_looked_at(cluster)))


def mistakes_of(cluster: dict[str, Any], folder: Path) -> list[Finding]:
    """What is wrong in the file itself; of one whose values are of wrong kinds only that.

    Args:
        folder: of the file.
    """
    return list(wrong_kinds(cluster)) or [
        *ray_mistakes(cluster),
        *project_mistakes(cluster, folder),
    ]


def read_cluster_file(path: Path) -> dict[str, Any]:
    """The document in a cluster file.

    Raises:
        InputError: there is no file, it is no YAML, or holds something else.
    """
    cluster = read_yaml(path, hint="cluster.yaml is an example")
    if not isinstance(cluster, dict) or "provider" not in cluster:
        raise InputError(
            "has no `provider`, so it is no cluster file",
            where=str(path),
            hint="cluster.yaml is an example",
        )
    return cluster
