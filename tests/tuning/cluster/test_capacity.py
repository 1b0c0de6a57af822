"""How far a cluster may grow, from the file that it was launched with."""

from tuning.cluster.capacity import largest


def test_the_head_and_all_workers_count_within_the_common_maximum() -> None:
    cluster = {
        "max_workers": 5,
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 4, "GPU": 0}, "max_workers": 0},
            "on_demand": {"resources": {"CPU": 8, "GPU": 2}, "max_workers": 4, "priority": 1},
            "spot": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 3, "priority": 10},
        },
    }
    # Three of spot, which come first; two on demand are left of the five.
    assert largest(cluster) == {"CPU": 4 + 3 * 4 + 2 * 8, "GPU": 3 * 1 + 2 * 2}


def test_with_the_local_provider_nothing_is_known() -> None:
    node = {"resources": {}, "min_workers": 2, "max_workers": 2}
    types = {"local.cluster.node": node}
    assert largest({"head_node_type": "local.cluster.node", "available_node_types": types}) == {}
