"""A linear map in the place of a convolution: the ablation, which sees features alone."""

from __future__ import annotations

from torch import Tensor, nn

from model.network.encoders.interface import EncoderKind
from model.network.graph import Nodes, Parameters, VisibleGraph


class _Linear(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        mapped: Tensor = self.linear(x)
        return mapped


def _batched(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    return x.linear(parameters["linear.weight"]) + parameters["linear.bias"][:, None]


LINEAR = EncoderKind(_Linear, _batched, weights=_Linear)
