"""Running `mmatune` in tests: in the test's own process, or as a process of its own."""

from __future__ import annotations

import sys

import pytest

# The start of a command line for a process of its own.
COMMAND = [sys.executable, "-c", "from tuning.cli import main; main()"]


def run_mmatune(capture: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run `mmatune ...` in this process; the exit code, stdout and stderr.

    Args:
        capture: of pytest: ``capfd`` also sees what libraries print, ``capsys`` does not.
    """
    from tuning.cli import main

    with pytest.MonkeyPatch.context() as patch:
        # Long lines must not depend on the width of the terminal that runs the tests.
        patch.setattr("tuning.console.console.width", 300)
        patch.setattr(sys, "argv", ["mmatune", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    captured = capture.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err
