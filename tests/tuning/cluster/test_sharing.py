"""Who gives way to whom on a shared cluster, by what jobs hold and wait for."""

import subprocess
import sys
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from tuning.cluster.session import ray_session
from tuning.cluster.sharing import another_job_has_less, should_yield_slot
from tuning.search.worker import place

TOTAL = {"CPU": 8.0, "GPU": 2.0, "memory": 1e10}


def group(job: str, state: str, bundle: dict[str, float], scheduling: str = "") -> dict[str, Any]:
    return {
        "placement_group_id": f"{'0' * 28}{job * 8}",
        "state": state,
        "bundles": {0: bundle},
        "stats": {"scheduling_state": scheduling},
    }


def has(job: str, number: int, bundle: dict[str, float] | None = None) -> list[dict[str, Any]]:
    return [group(job, "CREATED", bundle or {"CPU": 1.0})] * number


def wants(job: str, bundle: dict[str, float] | None = None, **more: str) -> list[dict[str, Any]]:
    return [group(job, "PENDING", bundle or {"CPU": 1.0}, **more)]


ON_GPU = {"CPU": 1.0, "GPU": 0.25}


@pytest.mark.parametrize(
    ("groups", "gives_way"),
    [
        (has("a", 2), False),  # alone
        (has("a", 2) + wants("a"), False),
        (has("a", 2) + has("b", 1), False),  # nobody waits
        (has("a", 1) + wants("b"), True),  # even the last place: b has none
        (has("a", 2) + has("b", 1) + wants("b"), False),  # they would only change places
        (has("a", 3) + has("b", 1) + wants("b"), True),
        (has("a", 1) + has("b", 1) + wants("b"), False),
        (has("a", 1) + has("b", 2) + wants("b"), False),
        (has("a", 1) + has("b", 1) + wants("b") + wants("c"), True),
        (has("a", 2) + [group("b", "REMOVED", {"CPU": 1.0})], False),
        (has("a", 2) + wants("b", scheduling="INFEASIBLE"), False),  # for ever
        (has("a", 2) + wants("b", {"CPU": 1.0, "GPU": 1.0}), False),  # a has no GPU to give
        (has("a", 2) + wants("b", {"CPU": 1.0, "memory": 1e9}), True),
        # Shares count, not trials: a's four quarters are b's one whole GPU.
        (has("a", 4, ON_GPU) + has("b", 1, {"CPU": 1.0, "GPU": 1.0}) + wants("b"), False),
        (has("a", 4, ON_GPU) + wants("b", {"CPU": 1.0, "GPU": 1.0}), True),
    ],
)
def test_who_gives_way(groups: list[dict[str, Any]], gives_way: bool) -> None:
    assert another_job_has_less(groups, "a" * 8, TOTAL) == gives_way


OTHER_JOB = """
import sys
import ray
from ray.util import placement_group
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
groups = [placement_group([{"CPU": 1.0}]) for _ in range(2)]
print("asked", flush=True)
ray.get(groups[0].ready())
print("placed", flush=True)
sys.stdin.read()
"""


@pytest.mark.ray
def test_ray_tells_what_other_jobs_hold_and_wait_for() -> None:
    """The cluster is full; another job asks for two places, and gets the one that is given back."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        with ray_session(cluster.address), place({"CPU": 1.0}):
            with place({"CPU": 1.0}):
                assert not should_yield_slot()
                other = subprocess.Popen(
                    [sys.executable, "-c", OTHER_JOB, cluster.address],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                try:
                    assert other.stdout is not None
                    assert other.stdout.readline() == "asked\n"
                    assert should_yield_slot()
                except BaseException:
                    other.kill()
                    raise
            try:
                assert other.stdout.readline() == "placed\n"
                # Now it holds one and waits for one; to take another of few would be no gain.
                assert not should_yield_slot()
            finally:
                other.kill()
                other.wait()
    finally:
        cluster.shutdown()
