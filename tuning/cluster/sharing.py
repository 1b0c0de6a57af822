"""Several studies on one cluster: none keeps its place while another has much less and waits.

A study reuses the processes of its trials, for a new one has to import torch first. Left to itself
it would so keep what it holds until its last trial has begun. Ray has no quotas; but it knows what
each job holds and waits for (placement groups), it places those that wait in the order they came,
and a study that ends a trial may give the place back. No study needs to know of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any


def gives_way() -> bool:
    """Whether this job, where a trial of it has just ended, should give the trial's place back."""
    import ray
    from ray.exceptions import RayError
    from ray.util import placement_group_table

    job = ray.get_runtime_context().get_job_id()
    try:
        return is_to_give_way(placement_group_table().values(), job, ray.cluster_resources())
    except (RayError, OSError):  # the head is busy or away: no reason to fail a trial
        return False


def is_to_give_way(
    groups: Iterable[Mapping[str, Any]], job: str, total: Mapping[str, float]
) -> bool:
    """Whether a job that waits holds nothing, or would hold less even with one place more.

    A job's share is that of the resource it has the largest part of (dominant resource fairness,
    Ghodsi et al. 2011). Shares within one trial of each other stay as they are: exchanging a place
    costs a new process, at every trial. A group that no machine could ever hold, or that waits
    for what this job has none of, is not helped by a place of this job.

    Args:
        groups: of `ray.util.placement_group_table`.
        job: in hexadecimal.
        total: resources of the cluster.
    """
    held: dict[str, Counter[str]] = {}
    waiting: dict[str, list[Counter[str]]] = {}
    for group in groups:
        amounts: Counter[str] = Counter()
        for bundle in group["bundles"].values():
            amounts.update(bundle)
        owner = group["placement_group_id"][-8:]  # an id ends with that of its job
        if group["state"] in ("CREATED", "PREPARED"):
            held.setdefault(owner, Counter()).update(amounts)
        elif (
            group["state"] in ("PENDING", "RESCHEDULING")
            and group["stats"]["scheduling_state"] != "INFEASIBLE"
        ):
            waiting.setdefault(owner, []).append(amounts)

    def share(amounts: Mapping[str, float]) -> float:
        return max((amounts[kind] / total[kind] for kind in amounts if total.get(kind)), default=0)

    own = held.get(job, Counter())
    for other, wanted in waiting.items():
        # Memory is counted for those that ask for it; every place has some.
        helped = [amounts for amounts in wanted if amounts.keys() - {"memory"} <= own.keys()]
        if other == job or not helped:
            continue
        has = held.get(other, Counter[str]())
        with_one_more = share(has + min(helped, key=share))
        if not share(has) or with_one_more < share(own) - 1e-9:
            return True
    return False
