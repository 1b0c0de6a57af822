"""Layers of all replicas at once, of which batched forms are made.

Shape legend: B replicas, P rows, D and H dimensions.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import elu

from model.network.graph import Parameters


class Drop(Protocol):
    """Dropout at its kind's rate in training; the identity in evaluation."""

    def __call__(self, values: Tensor, *, in_place: bool = False) -> Tensor:
        """Drop elements; ``in_place`` where nothing else reads the values."""


def under(parameters: Parameters, prefix: str) -> dict[str, Tensor]:
    """The parameters of one module, by their names within it."""
    return {
        name.removeprefix(prefix): value
        for name, value in parameters.items()
        if name.startswith(prefix)
    }


def linear(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    """(B, P, H): the `nn.Linear` of that name on (B, P, D)."""
    weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
    return torch.baddbmm(bias[:, None], x, weight.mT)


def two_layers(parameters: Parameters, x: Tensor) -> Tensor:
    """(B, P): ``out(elu(hidden(x)))`` of (B, P, D), for an MLP with one output."""
    return linear(parameters, "out", elu(linear(parameters, "hidden", x))).squeeze(2)


def rows(table: Tensor, index: Tensor) -> Tensor:
    """(B, P, D) rows of (B, n, D) by (B, P) indices."""
    replicas, n, _ = table.shape
    offsets = torch.arange(0, replicas * n, n, device=index.device)[:, None]
    chosen = table.reshape(replicas * n, -1).index_select(0, (index + offsets).flatten())
    return chosen.view(*index.shape, -1)
