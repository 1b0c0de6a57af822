"""Two studies on a cluster too small for both: neither keeps the other from going on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.cluster_utils import Cluster

from tests.tuning.commands_run import COMMAND

SPACE = {
    "description": "trials of equal length, none of which is stopped",
    "schedule": {"report_every": 25, "first_rung": 250, "reduction_factor": 3},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": 250},
    "search": {"encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5}},
}
LONG, SHORT = 1000, 2  # trials of the study that is there first, and of the one that comes


def events(home: Path, study: str) -> list[dict[str, Any]]:
    path = home / "studies" / study / "record" / "events.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def times(home: Path, study: str) -> tuple[list[int], list[int]]:
    """When each trial began, and when each ended."""
    found = events(home, study)
    began = {
        one["run"]: one["time"]
        for one in found
        if one["kind"] == "open" and one["tags"]["kind"] == "trial"
    }
    ended = [one["time"] for one in found if one["kind"] == "close" and one["run"] in began]
    return sorted(began.values()), sorted(ended)


def start(space: Path, study: str, trials: int, address: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "tune", "demo"]
    command += ["--space", str(space), "--trials", str(trials), "--name", study]
    return subprocess.Popen(
        [*command, "--address", address],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_that_comes_later_is_not_starved_nor_starves_the_first(
    measured_home: Path, tmp_path: Path
) -> None:
    home = measured_home
    space = tmp_path / "space.yaml"
    space.write_text(yaml.safe_dump(SPACE))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    processes = [start(space, "long", LONG, cluster.address)]
    try:
        while not times(home, "long")[0]:
            assert processes[0].poll() is None, processes[0].communicate()[1]
            time.sleep(0.2)
        processes.append(start(space, "short", SHORT, cluster.address))
        long, short = processes
        # All of it, the final training too, does not wait for the first study's end.
        stderr = short.communicate()[1]
        assert short.returncode == 0, stderr
        assert long.poll() is None
        long.send_signal(signal.SIGINT)
        stderr = long.communicate()[1]
        assert long.returncode == 130, stderr
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        cluster.shutdown()
    began, _ = times(home, "long")
    other_began, other_ended = times(home, "short")
    assert len(other_began) == SHORT
    # The second gets a place while the first has trials to begin, and the first keeps one.
    assert other_ended[0] < began[-1]
    assert [time for time in began if other_began[0] < time < other_ended[-1]]
