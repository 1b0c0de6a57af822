"""The notebook docs/example.ipynb runs as it stands, and its outputs tell of no machine."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "example.ipynb"


def code_cells() -> list[dict[str, Any]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_it_is_kept_with_its_outputs_and_they_name_no_machine() -> None:
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {kind for cell in cells for one in cell["outputs"] for kind in one.get("data", ())}
    assert {"image/png", "text/html"} <= kinds
    outputs = json.dumps([cell["outputs"] for cell in cells])
    assert "error" not in {one["output_type"] for cell in cells for one in cell["outputs"]}
    assert not re.search(
        r"/(home|tmp|usr|root|opt|Users)/|site-packages|\d+\.\d+\.\d+\.\d+", outputs
    )


@pytest.mark.ray
@pytest.mark.slow  # a whole study and its confirmation; the functions have tests of their own
def test_every_cell_runs(tmp_path: Path) -> None:
    """In one namespace and one process, as a kernel does; its own checks come last."""
    cells = ["".join(cell["source"]) for cell in code_cells()]
    checks = [
        "assert repetition.identical",
        "assert board['kind'].value_counts()['baseline'] == len(core())",
        "assert not partners['known'].isna().any()",
    ]
    (tmp_path / "cells.py").write_text("\n\n".join([*cells, *checks]), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    environment["TMPDIR"] = str(tmp_path)  # where the notebook makes its home
    environment["RAY_TMPDIR"] = tempfile.gettempdir()  # the names of its sockets must be short
    done = subprocess.run(
        [sys.executable, "cells.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
