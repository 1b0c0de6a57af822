"""A driver that is ended from without has a word said for it, and only then."""

import os
import signal
import subprocess
import sys

import pytest

DRIVE = """
import os, signal, sys
from tuning.record.witness import witnessed

with witnessed("it's \\"gone\\" $HOME"):
    if sys.argv[1] == "raises":
        raise SystemExit(3)
    if sys.argv[1] != "ends":
        os.kill(os.getpid(), int(sys.argv[1]))
"""


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("ends", 0, ""),
        ("raises", 3, ""),
        (str(int(signal.SIGKILL)), -signal.SIGKILL, 'it\'s "gone" $HOME\n'),
    ],
)
def test_it_speaks_for_the_dead_alone(ending: str, code: int, said: str) -> None:
    driver = subprocess.run(
        [sys.executable, "-c", DRIVE, ending],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (driver.returncode, driver.stderr, driver.stdout) == (code, said, "")
