"""Several studies on one cluster: a study gives slots to another one that has much less and waits.

A study reuses the processes of its trials, because a new process has to import torch first. Without
this module it would hold its slots until its last trial has begun. Ray has no quotas. But Ray knows
which placement groups each job holds and waits for, and serves those that wait in the order they
came. So a study that ends a trial may give the slot back, and need not know of any other study.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tuning.libraries.ray_internals import job_of_placement_group

Amounts = Counter[str]  # of each resource, by Ray's names

_HELD = ("CREATED", "PREPARED")
_WAITING = ("PENDING", "RESCHEDULING")
_ROUNDING = 1e-9


def should_yield_slot() -> bool:
    """Whether this job, of which a trial has just ended, should give the trial's slot back."""
    import ray as untyped_ray
    from ray.exceptions import RayError
    from ray.util import placement_group_table

    ray: Any = untyped_ray
    job = ray.get_runtime_context().get_job_id()
    try:
        groups = placement_group_table().values()
        return another_job_has_less(groups, job, ray.cluster_resources())
    except (RayError, OSError):  # the head is busy or away: no reason to fail a trial
        return False


def another_job_has_less(
    groups: Iterable[Mapping[str, Any]], job: str, total: Mapping[str, float]
) -> bool:
    """Whether a job that waits holds nothing, or would hold less even with one slot more.

    A job's share is that of the resource of which it has the largest part (dominant resource
    fairness, Ghodsi et al. 2011). Shares within one trial of each other stay as they are: passing a
    slot on costs a new process, at every trial. Two kinds of groups are not counted, because a slot
    of this job does not help them: those that no machine could ever hold, and those that wait for a
    resource of which this job holds nothing.

    Args:
        groups: of `ray.util.placement_group_table`.
        job: whose slot it is, in hexadecimal.
        total: resources of the cluster.
    """
    held: dict[str, Amounts] = {}
    wanted: dict[str, list[Amounts]] = {}
    for group in groups:
        amounts: Amounts = Counter()
        for bundle in group["bundles"].values():
            amounts.update(bundle)
        owner = job_of_placement_group(group["placement_group_id"])
        if group["state"] in _HELD:
            held.setdefault(owner, Counter()).update(amounts)
        elif group["state"] in _WAITING and group["stats"]["scheduling_state"] != "INFEASIBLE":
            wanted.setdefault(owner, []).append(amounts)

    def share(amounts: Amounts) -> float:
        return max((amounts[kind] / total[kind] for kind in amounts if total.get(kind)), default=0)

    own = held.pop(job, Counter())
    wanted.pop(job, None)
    for other, groups_wanted in wanted.items():
        # Every slot has some memory, though it is counted only for those that ask for it.
        helped = [one for one in groups_wanted if one.keys() - {"memory"} <= own.keys()]
        if not helped:
            continue
        has: Amounts = held.get(other, Counter())
        with_one_more = share(has + min(helped, key=share))
        if share(has) == 0 or with_one_more < share(own) - _ROUNDING:
            return True
    return False
