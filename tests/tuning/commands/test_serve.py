"""`mmatune serve` and `mmatune pull`: a model used where this project is not."""

import json
import os
import signal
import socket
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest
import requests

from model.data.datasets import AssociationDataset
from model.data.kinds import DEFAULT_KINDS
from model.errors import InputError
from model.evaluation.calibration import Calibration
from model.evaluation.protocols import HONEST
from tests.listening import listens_on_loopback_alone
from tests.tuning.commands_run import COMMAND
from tuning.commands.pull import pull
from tuning.commands.serve import serve
from tuning.home import artifact_root
from tuning.record.client import mlflow_client
from tuning.registry.model_card import ModelCard
from tuning.registry.versions import register, resolve

ROOT = Path(__file__).resolve().parents[3]
MIRNAS = ("hsa-mir-21", "hsa-mir-22", "hsa-let-7a", "hsa-mir-155")
SMALL_MOLECULES = ("Aspirin", "Curcumin")
PROBABILITY = np.array([[0.8, 0.3], [0.1, 0.2], [0.9, 0.4], [0.7, 0.95]])
KNOWN = np.array([[0, 0], [1, 0], [1, 0], [0, 1]])


@pytest.fixture(scope="module")
def registered_home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registered")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMATUNE_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        client = mlflow_client()
        experiment = client.create_experiment("e", artifact_location=str(artifact_root() / "e"))
        data = AssociationDataset("toy", MIRNAS, SMALL_MOLECULES, KNOWN, np.eye(4), np.eye(2))
        calibration = Calibration(1.0, -4.0, 0.01, None)
        card = ModelCard("toy", "first", HONEST, 0.8, 0.01, "For a test.", {}, calibration)
        register(client.create_run(experiment).info.run_id, data, PROBABILITY, card)
    return folder


@pytest.fixture(autouse=True)
def same_home(registered_home, monkeypatch):
    monkeypatch.setenv("MMATUNE_HOME", str(registered_home))


@pytest.fixture(scope="module")
def served(registered_home):
    """A running `mmatune serve`, and the document it printed; stopped however the tests end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*COMMAND, "serve", "toy", "--port", str(port), "--json"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "MMATUNE_HOME": str(registered_home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        document = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        yield process, document
    finally:
        process.kill()
        process.communicate()


def ask(served, body, **named):
    return requests.post(f"{served[1]['url']}/invocations", json=body, timeout=30, **named)


@pytest.mark.heavy
def test_nobody_outside_reaches_it(served):
    assert ask(served, {"dataframe_records": [{"small_molecule": "Aspirin"}]}).ok
    assert listens_on_loopback_alone(served[0].pid)


@pytest.mark.heavy
def test_pairs_in_probabilities_and_ranks_out(served):
    pairs = [{"mirna": MIRNAS[0], "small_molecule": "Aspirin"}]
    pairs += [{"mirna": MIRNAS[2], "small_molecule": "Aspirin"}]
    answer = ask(served, {"dataframe_records": pairs})
    assert answer.status_code == 200, answer.text
    rows = answer.json()["predictions"]
    assert [row["probability"] for row in rows] == pytest.approx([0.8, 0.9])
    assert [row["rank"] for row in rows] == [1, None]
    assert [row["known"] for row in rows] == [False, True]


@pytest.mark.heavy
def test_the_printed_example_ranks_a_small_molecule(served):
    command = served[1]["try"]
    done = subprocess.run(["bash", "-c", f"{command} -s"], capture_output=True, text=True)
    rows = json.loads(done.stdout)["predictions"]
    assert [row["mirna"] for row in rows] == [MIRNAS[0], MIRNAS[3]]  # the others are known
    body = {"dataframe_records": [{"mirna": MIRNAS[0]}], "params": {"top": 1}}
    (row,) = ask(served, body).json()["predictions"]
    assert (row["small_molecule"], row["rank"]) == ("Aspirin", 1)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"mirna": "hsa-mir-999", "small_molecule": "Aspirin"}, "miRNA 'hsa-mir-999'"),
        ({"small_molecule": "water"}, "small molecule 'water'"),
        ({"name": "Aspirin"}, "no column"),
        ({"mirna": 7, "small_molecule": ["Aspirin"]}, "no text"),
    ],
)
def test_unknown_names_are_named_and_no_fault_of_the_server(served, row, said):
    answer = ask(served, {"dataframe_records": [row]})
    assert answer.status_code == 400
    assert said in answer.json()["message"]


@pytest.mark.heavy
def test_a_request_that_names_no_type_is_json(served):
    url = f"{served[1]['url']}/invocations"
    body = json.dumps({"dataframe_records": [{"small_molecule": "Aspirin"}]}).encode()
    assert requests.post(url, data=body).status_code == 200  # bytes alone go without a type
    assert requests.post(url, data=b"[").status_code == 400


@pytest.mark.heavy
def test_a_port_in_use_is_said_and_ctrl_c_ends_it_cleanly(served):
    process, document = served
    port = int(document["url"].rpartition(":")[2])
    with pytest.raises(InputError, match=f"port {port}"):
        serve("toy", port=port)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    stderr = process.stderr.read()
    assert "stopped" in stderr
    assert "Traceback" not in stderr


def test_a_pulled_folder_is_whole_and_never_overwritten(tmp_path, capsys):
    to = tmp_path / "new" / "model"
    pull("toy@champion", to, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert {"MLmodel", "requirements.txt", "artifacts/scores.npz"} <= set(document["files"])
    card = (to / "MODEL_CARD.md").read_text(encoding="utf-8")
    for part in (
        HONEST.in_words_of(DEFAULT_KINDS).meaning,
        "has not been confirmed",
        "MIT licence",
        "medical decisions",
    ):
        assert part in card
    assert f"- data_hash: {resolve('toy').tags['data_hash']}" in card
    assert [one.name for one in to.parent.iterdir()] == ["model"]
    with pytest.raises(InputError, match="is not empty"):
        pull("toy", to)


def test_an_interrupted_pull_leaves_nothing(tmp_path, monkeypatch):
    import mlflow

    def cut(dst_path, **named):
        Path(dst_path, "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", cut)
    with pytest.raises(KeyboardInterrupt):
        pull("toy", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_pulled_model_scores_a_table_in_a_bare_environment(tmp_path):
    """An environment with what the model's own requirements name, and nothing else."""
    pull("toy", tmp_path / "model")
    venv.create(tmp_path / "bare", with_pip=True)
    python = str(tmp_path / "bare" / "bin" / "python")
    requirements = str(tmp_path / "model" / "requirements.txt")
    install = [python, "-m", "pip", "install", "--quiet", "-r", requirements]
    subprocess.run(install, check=True, cwd=tmp_path)
    (tmp_path / "pairs.csv").write_text("small_molecule,mirna\nAspirin,hsa-mir-21\n")
    script = (
        "import importlib.util as u, mlflow, pandas as pd\n"
        "assert not any(map(u.find_spec, ('torch', 'ray', 'optuna', 'tuning', 'sklearn')))\n"
        "model = mlflow.pyfunc.load_model('model')\n"
        "print(model.predict(pd.read_csv('pairs.csv')).to_json(orient='records'))\n"
    )
    done = subprocess.run(
        [python, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["probability"] == pytest.approx(0.8)
    assert row["rank"] == 1
