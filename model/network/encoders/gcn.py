"""GCN (Kipf and Welling 2017): ``h_i' = W sum_j h_j / sqrt(d_i d_j) + b``.

A node is among its own neighbours and counts in its degree d.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.network.encoders.interface import EncoderKind
from model.network.graph import Nodes, Parameters, VisibleGraph, neighbour_sum, node_degrees


def _plain(width_in: int, width_out: int) -> nn.Module:
    from torch_geometric.nn import GCNConv  # not at the top: see `model.network.encoders.kinds`

    layer: nn.Module = GCNConv(width_in, width_out)
    return layer


class _Weights(nn.Module):
    # Draws as often as PyG does: once to make a linear layer, once more to reset it.
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.lin = nn.Linear(width_in, width_out, bias=False)
        nn.init.xavier_uniform_(self.lin.weight)
        self.bias = nn.Parameter(torch.zeros(width_out))


def _batched(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    scale = (node_degrees(graph) + 1).rsqrt()

    def averaged(h: Tensor) -> Tensor:
        h = h * scale
        return (h + neighbour_sum(graph, h)) * scale

    return x.aggregated(averaged, parameters["lin.weight"]) + parameters["bias"][:, None]


GCN = EncoderKind(_plain, _batched, weights=_Weights)
