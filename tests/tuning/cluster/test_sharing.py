"""Who gives way to whom on a shared cluster, by what jobs hold and wait for."""

from typing import Any

import pytest

from tuning.cluster.sharing import is_to_give_way

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
    assert is_to_give_way(groups, "a" * 8, TOTAL) == gives_way
