"""Training and evaluation never make the host wait for a device where they need not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from model.data.datasets import AssociationDataset
from model.evaluation.protocols import HONEST, development_folds
from model.training.cross_validation import CrossValidation
from tests.contracts.checks import check_an_epoch_never_waits
from tests.model.options import VARIANTS, configuration
from tests.model.training.batched.waits import waits

PLANTED: dict[str, Callable[[Tensor], object]] = {
    "_local_scalar_dense": lambda x: x.sum().item(),
    "nonzero": lambda x: x.nonzero(),
    "index": lambda x: x[x > 0],
    "masked_select": lambda x: x.masked_select(x > 0),
    "_unique2": lambda x: x.unique(),
    "cpu": lambda x: x.cpu(),
    "to": lambda x: x.to("cpu"),
    "tolist": lambda x: x.tolist(),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "tensor": lambda x: x + torch.tensor([1.0, 2.0]),
    "repeat_interleave": lambda x: x.repeat_interleave(torch.ones(2, dtype=torch.int64)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_wait_is_found(name: str) -> None:
    x = torch.ones(2)
    with waits() as found:
        PLANTED[name](x)
    assert name in found


def test_a_planted_wait_is_found_in_the_backward_pass() -> None:
    x = torch.ones(2, requires_grad=True)
    x_squared = x**2
    x_squared.register_hook(lambda gradient: gradient * gradient.sum().item())
    with waits() as found:
        x_squared.sum().backward()
    assert found == ["_local_scalar_dense"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_option_waits_within_an_epoch(
    variant: tuple[tuple[str, object], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_an_epoch_never_waits(configuration(variant), monkeypatch)


def test_training_and_evaluation_wait_once_each(tiny: AssociationDataset) -> None:
    """For the loss of the last epoch, and for the metrics of all folds."""
    folds = development_folds(tiny, HONEST, seed=0)
    validation = CrossValidation(configuration(), tiny, folds, seed=0)
    with waits() as found:
        validation.train(3)
    assert found == ["_local_scalar_dense"]
    with waits() as found:
        evaluation = validation.evaluate()
    assert found == ["tolist"]
    assert all(np.isfinite(fold["auc"]) for fold in evaluation.folds)
