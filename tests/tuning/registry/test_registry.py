"""Registering a model, choosing the champion, and finding models again."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.data.datasets import AssociationDataset
from model.errors import InputError
from model.evaluation.calibration import Calibration, Reliability, ReliabilityBin
from model.evaluation.protocols import HONEST, PAPER
from tuning.home import artifact_root
from tuning.record.client import mlflow_client
from tuning.registry.model_card import ModelCard, version_tags
from tuning.registry.versions import (
    confirm_version,
    find_version,
    list_models,
    load,
    register,
    resolve,
)

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[3]
M, S = 6, 4
PROBABILITY = np.random.default_rng(0).random((M, S))


@pytest.fixture
def run_id(home):
    client = mlflow_client()
    experiment = client.create_experiment("toy", artifact_location=str(artifact_root() / "toy"))
    return client.create_run(experiment).info.run_id


def dataset(first_association=(0, 0)):
    associations = np.zeros((M, S))
    associations[first_association] = associations[2, 3] = 1
    mirnas, small_molecules = (
        tuple(f"mir-{i}" for i in range(M)),
        tuple(f"sm-{j}" for j in range(S)),
    )
    return AssociationDataset("toy", mirnas, small_molecules, associations, np.eye(M), np.eye(S))


RELIABILITY = Reliability(
    0.01, 0.009, 0.01, 0.05, 0.06, 0.001, (ReliabilityBin(9, 1, 0.1, 0.11, 0.05, 0.2),)
)
CALIBRATION = Calibration(1.0, -4.0, 0.01, RELIABILITY)


def card(auc=0.8, protocol=HONEST, model="toy"):
    return ModelCard(
        model=model,
        study="first",
        protocol=protocol,
        development_score=auc,
        development_sd=0.0125,
        training="Trained for a test.",
        configuration={"encoder": {"kind": "gin"}, "mask_rate": 0.5},
        calibration=CALIBRATION,
    )


WITHOUT_THE_PROJECT = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in {"model", "tuning", "search_spaces", "torch", "torch_geometric", "ray", "optuna"}:
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Refuse())
try:
    import tuning
except ImportError:
    pass
else:
    raise SystemExit("the project was importable")

import mlflow, pandas as pd
pairs = pd.DataFrame(json.loads(sys.argv[1]), columns=["small_molecule", "mirna"])
answer = mlflow.pyfunc.load_model("models:/toy@champion").predict(pairs)
print(json.dumps(answer.to_dict(orient="records")))
"""


@pytest.mark.heavy
def test_the_champion_scores_where_this_project_is_not_installed(run_id, home, tmp_path):
    data = dataset()
    register(run_id, data, PROBABILITY, card())
    asked = [(sm, mirna) for mirna in data.mirnas for sm in data.small_molecules]
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db", "PATH": "/usr/bin:/bin"}
    finished = subprocess.run(
        [sys.executable, "-I", "-c", WITHOUT_THE_PROJECT, json.dumps(asked)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    rows = json.loads(finished.stdout)
    scored = np.array([row["probability"] for row in rows]).reshape(M, S)
    np.testing.assert_array_equal(scored.astype(np.float32), PROBABILITY.astype(np.float32))
    assert [row["known"] for row in rows] == data.associations.astype(bool).ravel().tolist()
    best = max((row for row in rows if not row["known"]), key=lambda row: row["probability"])
    assert best["rank"] == 1


def test_the_stored_model_asks_for_little_and_names_no_path_of_its_author(run_id, home):
    register(run_id, dataset(), PROBABILITY, card())
    folder = Path(resolve("toy").source)
    requirements = (folder / "requirements.txt").read_text().split()
    packages = [line.partition("==")[0] for line in requirements]
    assert packages == ["mlflow-skinny", "numpy", "pandas"]
    model_file = (folder / "MLmodel").read_text()
    assert str(home) not in model_file
    assert str(ROOT) not in model_file


def test_registering_leaves_the_run_to_the_study(run_id):
    register(run_id, dataset(), PROBABILITY, card())
    run = mlflow_client().get_run(run_id)
    assert run.info.status == "RUNNING"
    assert len(run.outputs.model_outputs) == 1


def test_a_version_says_where_it_comes_from_and_what_its_score_means(run_id):
    data = dataset()
    register(run_id, data, PROBABILITY, card())
    found = resolve("toy")
    assert found.run_id == run_id
    assert found.tags | {"configuration": ""} == {
        "study": "first",
        "dataset": "toy",
        "data_hash": data.content_hash,
        "protocol": "honest",
        "metric": "auc",
        "development_auc": "0.8",
        "development_auc_sd": "0.0125",
        "configuration": "",
    }
    assert json.loads(found.tags["configuration"])["encoder"] == {"kind": "gin"}
    for part in (HONEST.meaning, "development score", "0.8000 ± 0.0125", "medical decisions"):
        assert part in found.description


def confirm(number, fresh=0.8, error=0.005, winning=()):
    tags = {"fresh_auc": str(fresh), "fresh_auc_se": str(error), "confirmed_auc": "0.79"}
    tags |= {"confirmed_auc_low": "0.7", "confirmed_auc_high": "0.85"}
    return confirm_version("toy", number, tags, winning)


def champion():
    return int(resolve("toy").version)


def test_a_development_score_moves_no_champion(run_id):
    made = [register(run_id, dataset(), PROBABILITY, card(auc)) for auc in (0.8, 0.7, 0.99)]
    assert [one.version for one in made] == [1, 2, 3]
    assert [one.is_champion for one in made] == [True, False, False]
    assert champion() == 1
    assert made[2].reason == (
        "version 3 waits; version 1 stays champion until a confirmation says otherwise"
    )


def test_a_confirmation_moves_the_champion_only_beyond_noise(run_id):
    for _ in range(5):
        register(run_id, dataset(), PROBABILITY, card())
    # 1.96 * sqrt(2) * 0.005 is 0.0139.
    for number, fresh, now in (
        (2, 0.70, 2),  # version 1 was never confirmed
        (3, 0.71, 2),
        (4, 0.69, 2),
        (5, 0.72, 5),
        (5, 0.70, 5),  # confirmed again
    ):
        made = confirm(number, fresh)
        assert champion() == now
        assert made.is_champion == (number == now)
    rows = {row["version"]: row["confirmed_auc"] for row in list_models()}
    assert rows == {1: None, 2: 0.79, 3: 0.79, 4: 0.79, 5: 0.79}


def test_a_confirmed_version_says_so(run_id):
    register(run_id, dataset(), PROBABILITY, card())
    assert "has not been confirmed" in resolve("toy").description
    confirm(1)
    text = resolve("toy").description
    assert "has not been confirmed" not in text
    assert "AUC 0.7900 (95 % interval 0.7000 to 0.8500) on the sealed" in text


def test_where_a_baseline_wins_the_champion_stays(run_id):
    for _ in range(2):
        register(run_id, dataset(), PROBABILITY, card())
    made = confirm(2, 0.99, winning=("kernel ridge",))
    assert not made.is_champion
    assert champion() == 1
    assert made.reason == "a baseline wins (kernel ridge): version 1 stays champion"
    assert confirm(1, winning=("kernel ridge",)).is_champion  # it was, and stays


def test_the_alias_moves_last(run_id, monkeypatch):
    for _ in range(2):
        register(run_id, dataset(), PROBABILITY, card())

    def interrupted(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("tuning.registry.versions.confirmed_description", interrupted)
    with pytest.raises(KeyboardInterrupt):
        confirm(2)
    assert champion() == 1


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        ({"protocol": PAPER}, "protocol 'honest'"),
        ({"first_association": (1, 1)}, "other data"),
    ],
)
@pytest.mark.parametrize("fresh", [0.1, 0.99])
def test_scores_of_other_protocols_or_data_are_never_compared(run_id, other, difference, fresh):
    register(run_id, dataset(), PROBABILITY, card())
    confirm(1, 0.8)
    data = dataset(other.get("first_association", (0, 0)))
    register(run_id, data, PROBABILITY, card(protocol=other.get("protocol", HONEST)))
    made = confirm(2, fresh)
    assert made.is_champion
    assert difference in made.reason
    assert "cannot be compared" in made.reason
    assert "0.8" not in made.reason
    assert f"{fresh:.4f}" not in made.reason


def test_the_version_of_a_configuration_is_found(run_id):
    data = dataset()
    register(run_id, data, PROBABILITY, card())
    register(run_id, data, PROBABILITY, card(protocol=PAPER))
    assert find_version("toy", version_tags(card(), data)) == 1
    assert find_version("toy", version_tags(card(protocol=PAPER), data)) == 2
    other = replace(card(), configuration={"mask_rate": 0.4})
    assert find_version("toy", version_tags(other, data)) is None
    assert find_version("toy", version_tags(card(), dataset((1, 1)))) is None


def test_references(run_id):
    for auc in (0.8, 0.7):
        register(run_id, dataset(), PROBABILITY, card(auc))
    mlflow_client().set_registered_model_alias("toy", "second", "2")
    wanted = {"toy": 1, "toy@champion": 1, "toy@second": 2, "toy/2": 2, "models:/toy/1": 1}
    # A server gives versions as text, the embedded store as numbers.
    assert {reference: int(resolve(reference).version) for reference in wanted} == wanted
    for unknown in ("toy@third", "toy/3", "toy/two", "nothing", "nothing/1", ""):
        with pytest.raises(InputError, match=r"toy/2 \(@second\), toy/1 \(@champion\)"):
            resolve(unknown)


def test_an_empty_registry_says_what_to_do(run_id):
    assert list_models() == []
    with pytest.raises(InputError, match="nothing is registered yet; `mmatune tune`"):
        resolve("toy")


def test_models_are_listed_by_name_and_newest_first(run_id):
    for model, auc in (("b", 0.8), ("b", 0.7), ("a", 0.6)):
        register(run_id, dataset(), PROBABILITY, card(auc, model=model))
    mlflow_client().set_model_version_tag("a", "1", "confirmed_auc", "0.55")
    common = {"study": "first", "protocol": "honest", "metric": "auc"}
    assert list_models() == [
        {"name": "a", "version": 1, "aliases": ["champion"], **common}
        | {"confirmed_auc": 0.55, "development_auc": 0.6, "confirmed": 0.55, "development": 0.6},
        {"name": "b", "version": 2, "aliases": [], **common}
        | {"confirmed_auc": None, "development_auc": 0.7, "confirmed": None, "development": 0.7},
        {"name": "b", "version": 1, "aliases": ["champion"], **common}
        | {"confirmed_auc": None, "development_auc": 0.8, "confirmed": None, "development": 0.8},
    ]


def test_a_loaded_version_answers(run_id, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register(run_id, dataset(), PROBABILITY, card())
    scorer = load(resolve("toy")).unwrap_python_model()
    np.testing.assert_array_equal(scorer.probability_MS, PROBABILITY.astype(np.float32))
    # MLflow's global address, which nobody set, would have made a database here.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [np.full((M, S), np.nan), np.full((M, S), 1.5), np.ones((S, M))])
def test_scores_that_do_not_fit_are_refused_before_anything_is_stored(bad):
    with pytest.raises(InputError, match=r"score"):
        register("no such run", dataset(), bad, card())


def test_a_card_refuses_what_mlflow_could_not_address():
    for name in ("", "a/b", "a@b", "a:b"):
        with pytest.raises(InputError, match="name of a model"):
            card(model=name)
    for auc in (float("nan"), -0.1, 1.1):
        with pytest.raises(InputError, match="between 0 and 1"):
            card(auc)
    with pytest.raises(InputError, match="0 or more"):
        replace(card(), development_sd=float("nan"))


def test_the_run_and_the_card_say_what_a_probability_means(run_id, tmp_path):
    register(run_id, dataset(), np.full((M, S), 0.5), card())
    client = mlflow_client()
    files = {file.path for file in client.list_artifacts(run_id)}
    assert {"calibration.json", "reliability.png"} <= files
    with open(client.download_artifacts(run_id, "calibration.json", str(tmp_path))) as file:
        assert json.load(file)["reliability"]["brier"] == 0.009
    text = client.get_model_version("toy", "1").description
    assert "1.00% of them" in text
    assert "Brier score 0.0090, against 0.0100" in text
