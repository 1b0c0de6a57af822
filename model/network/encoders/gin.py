"""GIN, the paper's equations 2 and 3: ``h_i' = W((1 + eps) h_i + sum_j h_j) + b``.

eps is learned. As in the published code there is one linear map where the paper writes MLP.
"""

from __future__ import annotations

from torch import Tensor, nn

from model.network.encoders.interface import EncoderKind
from model.network.graph import Nodes, Parameters, VisibleGraph, neighbour_sum


def _plain(width_in: int, width_out: int) -> nn.Module:
    from torch_geometric.nn import GINConv  # not at the top: see `model.network.encoders.kinds`

    layer: nn.Module = GINConv(nn.Linear(width_in, width_out), train_eps=True)
    return layer


def _batched(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    own = (1 + parameters["eps"])[:, :, None]
    summed = x.aggregated(lambda h: h * own + neighbour_sum(graph, h), parameters["nn.weight"])
    return summed + parameters["nn.bias"][:, None]


GIN = EncoderKind(_plain, _batched)
