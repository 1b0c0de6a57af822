"""`mmatune train --from-run`: every trial of a study again, the same to the last bit."""

import dataclasses
import json
import os
import sys
from typing import Any

import pytest
import torch

from model.data.synthetic import demo
from model.data.user_data import write_user_folder
from model.errors import InputError
from model.evaluation.protocols import HONEST
from search_spaces.schema import SearchSpace
from tests.tuning.commands_run import run_mmatune
from tuning.plan import StudyPlan
from tuning.record.client import mlflow_client
from tuning.record.study_record import runs_of
from tuning.repetition import find_trial, repeat_trial

pytestmark = pytest.mark.ray

SPACE = {
    "description": "trials that finish, are stopped early and diverge",
    "schedule": {"report_every": 3, "first_rung": 3, "reduction_factor": 2},
    "fixed": {"encoder.layers": 1, "encoder.out_dim": 16, "training.epochs": 12},
    "search": {
        "training.learning_rate": {"type": "choice", "choices": [0.01, 1e-9, 1e30]},
        "encoder.type": {"type": "choice", "choices": ["gin", "gcn"]},
        "encoder.dropout": {"type": "float", "low": 0.0, "high": 0.5},
        "head.type": {"type": "choice", "choices": ["none", "propagation"]},
    },
    # The last one begins when one of the first two has ended, and so has been seen to be better.
    "start_with": [
        {
            "training.learning_rate": 0.01,
            "encoder.dropout": 0.1 + 0.2,
            "encoder.type": "gin",
            "head.type": "propagation",
        },
        {"training.learning_rate": 0.01, "head.type": "propagation", "encoder.type": "gcn"},
        {"training.learning_rate": 1e30, "encoder.type": "gcn"},  # diverges before it is measured
        {"training.learning_rate": 1e-9, "encoder.type": "gcn"},  # never learns: stopped at a rung
    ],
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study's home, and its trials' runs by name."""
    import tuning.study

    home = tmp_path_factory.mktemp("repeated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        degree = {"additive degree": tuning.study.BASELINES["additive degree"]}
        patch.setattr(tuning.study, "BASELINES", degree)
        space = SearchSpace.model_validate(SPACE)
        result = tuning.study.run_study(StudyPlan("r", demo(), HONEST, "test", space, 4, 7, None))
        runs = runs_of(mlflow_client(), result.experiment_id)
        yield home, {run.info.run_name: run for run in runs}


@pytest.fixture(autouse=True)
def same_home(study: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MMATUNE_HOME", str(study[0]))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> tuple[int, str, str]:
        torch.set_num_threads(2)  # the command itself has to see to the threads
        return run_mmatune(capfd, "train", *arguments)

    return call


def test_every_trial_that_was_measured_is_repeated_to_the_last_bit(study: Any, run: Any) -> None:
    trials = {name: one for name, one in study[1].items() if one.data.tags["kind"] == "trial"}
    assert len(trials) == 4
    statuses = set()
    for name, recorded in trials.items():
        if "auc" not in recorded.data.metrics:
            continue
        code, out, err = run("--from-run", f"r/{name}", "--json")
        document = json.loads(out)
        assert (code, document["identical"]) == (0, True), err
        assert document["repeated"] == document["recorded"]
        chosen = recorded.data.metrics["chosen_auc"]
        assert (document["recorded"]["auc"], document["epoch"]) == (
            chosen,
            recorded.data.metrics["chosen_epoch"],
        )
        assert {"auc", "ap", "auc_sd", "loss"} <= document["recorded"].keys()
        assert document["recorded_device"] == document["device"]
        statuses.add(recorded.data.tags["status"])
    assert statuses == {"finished", "stopped early"}


def test_people_see_both_scores_and_a_run_id_will_do(study: Any, run: Any) -> None:
    recorded = study[1]["trial-002"]
    code, out, err = run("--from-run", recorded.info.run_id)
    assert (code, out) == (0, "")
    assert err.count(repr(recorded.data.metrics["chosen_auc"])) == 2
    assert "Identical to the last bit" in err


def test_another_seed_is_seen(study: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = find_trial("r/trial-002")
    assert repeat_trial(trial, demo()).identical
    other = dataclasses.replace(trial, seed=trial.seed + 1)
    assert not repeat_trial(other, demo()).identical
    monkeypatch.setattr("tuning.repetition.find_trial", lambda reference: other)
    code, out, err = run("--from-run", "r/trial-002", "--json")
    assert code == 1
    assert json.loads(out)["identical"] is False
    assert "Not identical" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from-run", "nothing/trial-001"], "there is no study 'nothing'"),
        (["--from-run", "r/trial-009"], "trials are: trial-001, trial-002"),
        (["--from-run", "0" * 32], "there is no run"),
        (["--from-run", "r/trial-003"], "left no score to compare with (failed)"),
        (["--from-run", "r/trial-001", "--seed", "0"], "--seed: a repeated trial takes"),
        (["--from-run", "r/trial-001", "--set", "mask.rate=0.1"], "--set: a repeated trial takes"),
        ([], "name a data set"),
    ],
)
def test_bad_input_is_one_line(run: Any, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_only_trials_are_repeated(study: Any) -> None:
    with pytest.raises(InputError, match="no trial of a study"):
        find_trial(study[1]["additive degree"].info.run_id)


def test_changed_data_are_refused(study: Any, run: Any, tmp_path: Any) -> None:
    folder = tmp_path / "other"
    write_user_folder(demo(5), folder)
    code, out, err = run(str(folder), "--from-run", "r/trial-001")
    assert (code, out) == (2, "")
    assert "the data have changed" in err
    assert err.count("\n") == 1


def test_a_name_that_two_runs_share_is_refused(study: Any) -> None:
    client = mlflow_client()
    twin = study[1]["trial-001"]
    tags = {"kind": "trial", "mlflow.runName": "trial-001"}
    extra = client.create_run(twin.info.experiment_id, tags=tags)
    try:
        with pytest.raises(InputError, match=f"2 trials are called.*{extra.info.run_id}"):
            find_trial("r/trial-001")
    finally:
        client.delete_run(extra.info.run_id)
