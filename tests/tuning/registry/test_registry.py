"""Registering a model, choosing the champion, and finding models again."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.data.datasets import AssociationDataset
from model.data.kinds import DEFAULT_KINDS, as_record
from model.errors import InputError
from model.evaluation.calibration import Calibration, Reliability, ReliabilityBin
from model.evaluation.protocols import HONEST, PAPER
from tuning.commands.models import list_registered, show
from tuning.commands.predict import predict
from tuning.commands.pull import pull
from tuning.home import artifact_root
from tuning.record.client import mlflow_client
from tuning.registry.model_card import (
    ModelCard,
    confirmed_description,
    description,
    trained_on,
    version_tags,
)
from tuning.registry.versions import (
    confirm_refit,
    confirm_version,
    find_refit,
    find_version,
    list_models,
    load,
    promote_version,
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
    rows, columns = tuple(f"mir-{i}" for i in range(M)), tuple(f"sm-{j}" for j in range(S))
    return AssociationDataset("toy", rows, columns, associations, np.eye(M), np.eye(S))


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
    asked = [(sm, mirna) for mirna in data.rows for sm in data.columns]
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
        "kinds": json.dumps(as_record(DEFAULT_KINDS)),
        "protocol": "honest",
        "metric": "auc",
        "development_auc": "0.8",
        "development_auc_sd": "0.0125",
        "configuration": "",
    }
    assert json.loads(found.tags["configuration"])["encoder"] == {"kind": "gin"}
    for part in (
        HONEST.in_words_of(DEFAULT_KINDS).meaning,
        "development score",
        "0.8000 ± 0.0125",
        "medical decisions",
    ):
        assert part in found.description


FRESH = {"fresh_auc": "0.8", "fresh_auc_se": "0.005"}
SEALED = {"confirmed_auc": "0.79", "confirmed_auc_low": "0.7", "confirmed_auc_high": "0.85"}
DIFFERENCE = {
    "confirmed_difference": "0.0123",
    "confirmed_difference_low": "-0.02",
    "confirmed_difference_high": "0.04",
    "confirmed_against": "kernel ridge",
}
ACROSS = "mmatune promote first --across"


def test_a_card_says_what_is_known_of_a_side():
    """The toy data have no similarity of either side."""
    told = description(card(), dataset())
    assert (
        "No similarity of the miRNAs is given: they are known by their associations alone" in told
    )
    assert "a small molecule without associations cannot be told from another.\n\n" in told
    similar = 0.5 + 0.5 * np.eye(len(dataset().rows))
    known = replace(dataset(), row_similarity=similar)
    assert "No similarity of the miRNAs" not in description(card(), known)


def confirm(number, fresh=0.8, error=0.005, ahead=(), across=ACROSS):
    tags = {"fresh_auc": str(fresh), "fresh_auc_se": str(error)}
    confirm_version("toy", number, tags | SEALED)
    return promote_version("toy", number, ahead, across)


def everything(number):
    """A card of the model of a version trained on everything."""
    return replace(card(), measured=number, training="Trained on all associations.")


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
    assert "On the sealed part, which the search did not see: AUC 0.7900 (95 % interval" in text


def test_a_second_confirmation_leaves_nothing_of_the_first(run_id):
    register(run_id, dataset(), PROBABILITY, card())
    before = dict(resolve("toy").tags)
    confirm_version("toy", 1, FRESH | SEALED | DIFFERENCE)
    first = resolve("toy")
    assert "AUC 0.8000 (standard error 0.0050)" in first.description
    assert "+0.0123 (95 % interval of the difference -0.0200 to +0.0400)" in first.description
    assert "best baseline, kernel ridge" in first.description
    # This time a baseline wins, so that the sealed part stays sealed.
    warning = {"sealed_warning": "opened 2 times: no longer an unseen test"}
    confirm_version("toy", 1, {"fresh_auc": "0.7", "fresh_auc_se": "0.006"} | warning)
    second = resolve("toy")
    assert "AUC 0.7000 (standard error 0.0060)" in second.description
    for old in ("0.8000 (standard", "0.7900", "+0.0123", "kernel ridge", "has not been confirmed"):
        assert old not in second.description
    assert "opened 2 times: no longer an unseen test" in second.description
    assert second.tags == before | {"fresh_auc": "0.7", "fresh_auc_se": "0.006"} | warning
    # The rest of the card is as it was.
    confirm_version("toy", 1, FRESH | SEALED | DIFFERENCE)
    assert resolve("toy").description == first.description
    assert resolve("toy").tags == first.tags


def test_a_card_of_version_0_1_0_is_renewed_too():
    said = "It is optimistic. Confirmed: AUC 0.9 (standard error 0.1) on fresh splits. AUC 0.8 on"
    text = f"{said} sealed. It is not comparable with a score of another protocol or data set."
    found = confirmed_description(text, FRESH, "auc", DEFAULT_KINDS)
    assert found.startswith("It is optimistic. On fresh splits: AUC 0.8000 (standard error 0.0050)")
    assert "0.9" not in found
    assert found.endswith(". It is not comparable with a score of another protocol or data set.")


def test_where_a_baseline_is_ahead_the_champion_stays(run_id):
    for _ in range(2):
        register(run_id, dataset(), PROBABILITY, card())
    made = confirm(2, 0.99, ahead=("kernel ridge",))
    assert not made.is_champion
    assert champion() == 1
    assert made.reason == "a baseline is ahead (kernel ridge): version 1 stays champion"
    assert confirm(1, ahead=("kernel ridge",)).is_champion  # it was, and stays


def test_the_champion_is_the_one_trained_on_everything(run_id):
    data = dataset()
    for _ in range(2):
        register(run_id, data, PROBABILITY, card())
    register(run_id, data, PROBABILITY, everything(2), first_is_champion=False)
    confirm_version("toy", 2, FRESH | SEALED)
    confirm_refit("toy", 3, FRESH | SEALED)
    assert champion() == 1
    made = promote_version("toy", 2, (), ACROSS)
    assert (made.version, made.is_champion, champion()) == (2, True, 3)
    assert "alias is on version 3, the same trained on all associations" in made.reason
    # By the measured scores it is judged from now on.
    register(run_id, data, PROBABILITY, card())
    assert "0.7900 against 0.8000" in confirm(4, 0.79).reason
    assert champion() == 3
    assert confirm(4, 0.85).is_champion
    assert champion() == 4
    # Where a baseline has come ahead, a champion does not change to its refit either.
    register(run_id, data, PROBABILITY, everything(4), first_is_champion=False)
    assert confirm(4, 0.85, ahead=("kernel ridge",)).is_champion
    assert champion() == 4
    assert confirm(4, 0.85).is_champion
    assert champion() == 5


def test_a_model_trained_on_everything_has_no_score_of_its_own(run_id):
    data = dataset()
    register(run_id, data, PROBABILITY, card())
    register(run_id, data, PROBABILITY, everything(1), first_is_champion=False)
    confirm_version("toy", 1, FRESH | SEALED)
    confirm_refit("toy", 2, FRESH | SEALED)
    found = resolve("toy/2")
    assert found.tags["measured_version"] == "1"
    assert not [key for key in found.tags if "auc" in key]
    assert "All figures here are of version 1" in found.description
    assert "without the sealed 10 %" in found.description
    assert "AUC 0.7900 (95 % interval" in found.description
    assert "Made by the calibration of version 1" in found.description
    assert trained_on(found.tags).startswith("Trained on all associations; the scores are of vers")
    assert trained_on(resolve("toy/1").tags) == ""
    refit, measured = list_models()
    assert (refit["measured_version"], measured["measured_version"]) == (1, None)
    scores = ("development", "confirmed", "development_auc", "confirmed_auc")
    assert {refit[key] for key in scores} == {None}
    # Neither is taken for the other.
    assert find_version("toy", version_tags(card(), data)) == 1
    assert find_refit("toy", 1) == 2
    assert find_refit("toy", 2) is None


def test_commands_say_whose_the_scores_are(run_id, capsys, tmp_path):
    register(run_id, dataset(), PROBABILITY, card())
    register(run_id, dataset(), PROBABILITY, everything(1), first_is_champion=False)
    for number, said in ((1, ""), (2, "the scores are of version 1")):
        predict(f"toy/{number}", name="sm-0")
        pull(f"toy/{number}", tmp_path / f"toy-{number}")
        predicted, pulled = " ".join(capsys.readouterr().err.split()).split(" is in ")
        for text in (predicted, pulled):
            assert ("the scores are of version" in text) == bool(said)
            assert said in text
    capsys.readouterr()
    show("toy/2", as_json=True)
    assert json.loads(capsys.readouterr().out)["measured_version"] == 1
    assert "All figures here are of version 1" in (tmp_path / "toy-2" / "MODEL_CARD.md").read_text()
    list_registered()
    assert "see version 1" in " ".join(capsys.readouterr().err.split())


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
    assert not made.is_champion
    assert champion() == 1
    assert f"`{ACROSS}`" in made.reason
    made = confirm(2, fresh, across=None)
    assert made.is_champion
    assert champion() == 2
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
    nothing_else = dict.fromkeys(("fresh", "sealed_low", "sealed_high"))
    common = {"study": "first", "protocol": "honest", "metric": "auc", "measured_version": None}
    common["kinds"] = as_record(DEFAULT_KINDS)
    assert list_models() == [
        {"name": "a", "version": 1, "aliases": ["champion"], **common}
        | nothing_else
        | {"confirmed_auc": 0.55, "development_auc": 0.6, "confirmed": 0.55, "development": 0.6},
        {"name": "b", "version": 2, "aliases": [], **common}
        | nothing_else
        | {"confirmed_auc": None, "development_auc": 0.7, "confirmed": None, "development": 0.7},
        {"name": "b", "version": 1, "aliases": ["champion"], **common}
        | nothing_else
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


def test_other_data_of_the_same_name_are_told(run_id):
    from tuning.registry.versions import other_data

    ours, theirs = dataset(), dataset(first_association=(1, 1))
    assert other_data("toy", ours.content_hash) == ""
    register(run_id, theirs, PROBABILITY, card())
    assert other_data("toy", theirs.content_hash) == ""
    line = other_data("toy", ours.content_hash)
    assert theirs.content_hash[:12] in line
    assert ours.content_hash[:12] in line
    registration = register(run_id, ours, PROBABILITY, card())
    assert not registration.is_champion
    assert other_data("toy", ours.content_hash) == ""


def test_the_card_begins_with_what_the_latest_confirmation_concluded() -> None:
    text = description(card(), dataset())
    for said in ("It is ahead.", "It is behind."):
        text = confirmed_description(text, {**FRESH, "conclusion": said}, "auc", DEFAULT_KINDS)
        assert text.startswith(f"**Verdict.** {said}\n\n**What it is.**")
    assert text.count("Verdict") == 1
    assert "reliability.png" not in text  # which does not travel with it
