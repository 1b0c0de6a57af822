"""`make fuzz`: at least 10,000 generated inputs, with their number printed."""

from __future__ import annotations

import os
import sys
import tempfile

COUNTS = {"command lines": 800, "record and lock files": 1200}  # of the others `MOST`
MOST = 1300


def main() -> int:
    os.environ["MMATUNE_HOME"] = tempfile.mkdtemp(prefix="fuzz-home-")
    from tests.fuzz.running import run
    from tests.fuzz.targets import TARGETS

    first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    only = sys.argv[2:] or list(TARGETS)
    total, failures = 0, []
    for name in only:
        found = run(name, COUNTS.get(name, MOST), first)
        total += found.inputs
        failures += found.failures
        print(
            f"{name:24} {found.inputs:6} inputs, {found.refused:6} refused,"
            f" {len(found.failures)} failed",
            flush=True,
        )
        for line in found.failures[:10]:
            print(f"  {line}", flush=True)
    print(f"{total} inputs, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
