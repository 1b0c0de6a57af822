"""Ray as a study starts it on one machine."""

from __future__ import annotations

import os

import psutil
import pytest

from tests.listening import listens_on_loopback_alone
from tuning.cluster.session import ray_session


@pytest.mark.ray
def test_nobody_outside_reaches_a_session_of_this_machine() -> None:
    """Ray asks for no password: who reaches it runs code."""
    import ray

    with ray_session():
        where = ray.remote(num_cpus=1)(ray.util.get_node_ip_address)
        assert ray.get(where.remote()) == "127.0.0.1"
        assert listens_on_loopback_alone(os.getpid())
        processes = [" ".join(child.cmdline()) for child in psutil.Process().children()]
        assert any("raylet" in command for command in processes)
        assert not [one for one in processes if "dashboard.py" in one or "monitor.py" in one]
