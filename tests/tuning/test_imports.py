"""A command imports what it uses: a heavy library only where the command computes with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from model.data.synthetic import demo
from model.evaluation.protocols import HONEST
from search_spaces.loading import load_space
from tuning.bench.store import fill_study
from tuning.plan import StudyPlan

# MLflow itself imports scipy and pandas, so they are asked for where no command has used MLflow.
WITHOUT_MLFLOW = (
    "--version",
    "--help",
    "data list",
    "tune --help",
    "confirm --help",
    "bench --help",
    "study list --help",
)
WITH_MLFLOW = (
    "study list",
    "study show first",
    "model list",
    "predict nothing --for anything",  # there is no such model, which its registry has to say
)
NETWORKS = {"torch", "torch_geometric", "sklearn", "ray", "optuna"}
SCIENCE = {"scipy", "pandas", "mlflow"}

# One process for all commands: to start one costs seconds. The last lines are what the process of a
# trial imports and runs, with every encoder.
SCRIPT = """
import contextlib, io, json, sys

from tuning.cli import main

found = []
for line in json.loads(sys.argv[1]):
    sys.argv = ["mmatune", *line.split()]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code or 0
    found.append((line, code, sorted({name.split(".")[0] for name in sys.modules})))

import tuning.search.trial
from model.data.synthetic import demo
from model.evaluation.protocols import HONEST, development_folds
from model.network.autoencoder import Configuration
from model.network.encoders.kinds import ENCODERS
from model.training.cross_validation import CrossValidation

for name in ENCODERS:
    config = Configuration.from_dotted({"encoder.type": name})
    trial = CrossValidation(config, demo(), development_folds(demo(), HONEST, 0), seed=0)
    trial.train(1)
    trial.evaluate()
found.append(("a trial", 0, sorted({name.split(".")[0] for name in sys.modules})))
print(json.dumps(found))
"""


@pytest.mark.heavy
def test_a_command_imports_what_it_uses(store: Path) -> None:
    fill_study(StudyPlan("first", demo(), HONEST, "full", load_space("full"), 6))
    commands = json.dumps([*WITHOUT_MLFLOW, "data check demo", *WITH_MLFLOW])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, commands], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *lines, trial = json.loads(done.stdout)
    codes = {line: code for line, code, _ in lines if code}
    assert codes == {"predict nothing --for anything": 2}
    for line, _, imported in lines:
        # `data check` ranks with scipy, and every command after it finds that imported.
        excused = set() if line in WITHOUT_MLFLOW else SCIENCE
        assert not (NETWORKS | (SCIENCE - excused)) & set(imported), line
    assert "torch" in trial[2]
    assert "torch_geometric" not in trial[2]
