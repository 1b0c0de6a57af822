"""GIN, the paper's equations 2 and 3: ``h_i' = W((1 + eps) h_i + sum_j h_j) + b``.

eps is learned. As in the published code there is one linear map where the paper writes MLP.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.network.encoders.interface import EncoderKind
from model.network.graph import Nodes, Parameters, VisibleGraph, neighbour_sum


def _plain(width_in: int, width_out: int) -> nn.Module:
    from torch_geometric.nn import GINConv  # not at the top: see `model.network.encoders.kinds`

    layer: nn.Module = GINConv(nn.Linear(width_in, width_out), train_eps=True)
    return layer


class _Weights(nn.Module):
    # Draws as often as PyG does: once to make a linear layer, once more to reset it.
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.nn = nn.Linear(width_in, width_out)
        self.nn.reset_parameters()
        self.eps = nn.Parameter(torch.zeros(1))


def _batched(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    own = (1 + parameters["eps"])[:, :, None]
    summed = x.aggregated(lambda h: h * own + neighbour_sum(graph, h), parameters["nn.weight"])
    return summed + parameters["nn.bias"][:, None]


GIN = EncoderKind(_plain, _batched, weights=_Weights)
