"""`bench device` measures the real trainer, with few libraries, and prints one document."""

import json
import subprocess
import sys

import pytest
import torch

from model.network.autoencoder import Configuration, MaskedGraphAutoencoder
from tuning.bench import device

# All that a GPU machine does without: everything that model and tuning import, but three.
ABSENT = (
    "mlflow",
    "matplotlib",
    "optuna",
    "pandas",
    "ray",
    "requests",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "torch_geometric",
    "typer",
    "yaml",
)
BARE = f"""
import sys
for name in {ABSENT}:
    sys.modules[name] = None  # an import of it fails
from tuning.bench import device
trainer = device.GeneratedTrainer(2, device.torch.device("cpu"), "float32")
print(bool(trainer.train_epoch().isfinite().all()))
"""


@pytest.mark.heavy
def test_it_needs_torch_numpy_and_pydantic_only() -> None:
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


@pytest.mark.heavy
def test_without_pydantic_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['pydantic'] = None; import tuning.bench.device"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "no module 'pydantic'; try: pip install torch numpy pydantic\n"


def test_its_weights_are_those_of_the_model() -> None:
    trainer = device.GeneratedTrainer(2, torch.device("cpu"), "float32")
    model = MaskedGraphAutoencoder(Configuration(), trainer.features.width, trainer.sides)
    found = {name: value.shape[1:] for name, value in trainer.parameters.items()}
    assert found == {name: value.shape for name, value in model.named_parameters()}
    found = {name: value.shape[1:] for name, value in trainer.statistics.items()}
    expected = {name: value.shape for name, value in model.named_buffers()}
    assert found == {k: v for k, v in expected.items() if "num_batches" not in k}


def test_it_prints_one_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(device, "EPOCHS", 1)
    monkeypatch.setattr(device, "REPLICAS", (1, 2))
    threads = torch.get_num_threads()
    device.main(["--repeats", "1"])
    assert torch.get_num_threads() == threads
    result = json.loads(capsys.readouterr().out)
    assert result.keys() == {"machine", "figures", "ratios"}
    figures = {figure["name"]: figure for figure in result["figures"]}
    assert {"1 replicas, float32", "2 replicas, float32"} <= figures.keys()
    expected = figures["2 replicas, float32"]["value"] / figures["1 replicas, float32"]["value"]
    ratio = result["ratios"]["2 replicas, float32 / 1 replicas, float32"]
    assert ratio == pytest.approx(expected)
