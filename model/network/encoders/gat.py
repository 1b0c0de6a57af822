"""GAT with one head (Velickovic et al. 2018): ``h_i' = sum_j a_ij W h_j + b``.

a_i is the softmax over i itself and its neighbours j of ``leaky_relu(s . W h_j + t . W h_i)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from model.network.encoders.interface import EncoderKind
from model.network.graph import Nodes, Parameters, VisibleGraph

_SLOPE = 0.2  # of the leaky ReLU, as in PyG


def _plain(width_in: int, width_out: int) -> nn.Module:
    from torch_geometric.nn import GATConv  # not at the top: see `model.network.encoders.kinds`

    layer: nn.Module = GATConv(width_in, width_out)
    return layer


class _Weights(nn.Module):
    # Draws as often as PyG does: once to make a linear layer, once more to reset it.
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.lin = nn.Linear(width_in, width_out, bias=False)
        nn.init.xavier_uniform_(self.lin.weight)
        self.att_src = nn.Parameter(torch.empty(1, 1, width_out))
        self.att_dst = nn.Parameter(torch.empty(1, 1, width_out))
        nn.init.xavier_uniform_(self.att_src[0])
        nn.init.xavier_uniform_(self.att_dst[0])
        self.bias = nn.Parameter(torch.zeros(width_out))


def _batched(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    h = x.linear(parameters["lin.weight"])
    source = (h * parameters["att_src"][:, 0]).sum(dim=2)
    target = (h * parameters["att_dst"][:, 0]).sum(dim=2)
    rows, columns = slice(None, graph.n_rows), slice(graph.n_rows, None)
    attended = []
    for own, others, edges in (
        (rows, columns, graph.block),
        (columns, rows, graph.block.mT),
    ):
        scores = target[:, own, None] + source[:, None, others]
        scores = leaky_relu(scores, _SLOPE).masked_fill(edges == 0, -torch.inf)
        itself = leaky_relu(target[:, own] + source[:, own], _SLOPE)[:, :, None]
        share = torch.softmax(torch.cat((scores, itself), dim=2), dim=2)
        attended.append(torch.bmm(share[:, :, :-1], h[:, others]) + share[:, :, -1:] * h[:, own])
    return torch.cat(attended, dim=1) + parameters["bias"][:, None]


GAT = EncoderKind(_plain, _batched, needs_block=True, weights=_Weights)
