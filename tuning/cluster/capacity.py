"""What a cluster has now, and what it may grow to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

# Where `ray up` leaves the cluster file on the head, with each node type's resources filled in.
LAUNCHED_FROM = Path("~/ray_bootstrap_config.yaml")


def cluster_capacity(address: str) -> dict[str, float]:
    """The most of each resource that the cluster may have, by Ray's names such as CPU and GPU.

    A cluster that `ray up` made starts without workers and adds them for waiting trials: what it
    has at the start says little. Its file, which lies on the head, says how far it may grow.

    Args:
        address: that Ray was joined at; ``local`` is a runtime of this process's own.
    """
    import ray as untyped

    ray: Any = untyped
    now: dict[str, float] = ray.cluster_resources()
    launched_from = LAUNCHED_FROM.expanduser()
    if address == "local" or not launched_from.is_file():
        return now
    most = largest(yaml.safe_load(launched_from.read_text(encoding="utf-8")))
    return {name: max(now.get(name, 0.0), most.get(name, 0.0)) for name in now | most}


def nodes() -> list[dict[str, Any]]:
    """The machines that the cluster has now, as `ray.nodes` describes them."""
    import ray as untyped

    ray: Any = untyped
    return [node for node in ray.nodes() if node["Alive"]]


def largest(cluster: dict[str, Any]) -> dict[str, float]:
    """The resources of the head and of all workers that a cluster file allows."""
    total: Counter[str] = Counter()
    free = cluster.get("max_workers", 2)
    types = cluster["available_node_types"]
    # Types that Ray starts first count first, for all of them together are bounded too.
    for name in sorted(types, key=lambda name: -types[name].get("priority", 0)):
        node = types[name]
        if name == cluster["head_node_type"]:
            # With the local provider head and workers are of one type.
            total.update(node["resources"])
        count = min(free, node.get("max_workers", 0))
        free -= count
        total.update({key: amount * count for key, amount in node["resources"].items()})
    return {key: float(amount) for key, amount in total.items()}
