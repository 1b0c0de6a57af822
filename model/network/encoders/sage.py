"""GraphSAGE with mean aggregation (Hamilton et al. 2017): ``h_i' = W_r h_i + W_l mean_j h_j + b``.

The mean of no neighbours is 0.
"""

from __future__ import annotations

from torch import Tensor, nn

from model.network.encoders.interface import EncoderKind
from model.network.graph import Nodes, Parameters, VisibleGraph, node_degrees


def _plain(width_in: int, width_out: int) -> nn.Module:
    from torch_geometric.nn import SAGEConv  # not at the top: see `model.network.encoders.kinds`

    layer: nn.Module = SAGEConv(width_in, width_out)
    return layer


class _Weights(nn.Module):
    # Draws as often as PyG does: once to make a linear layer, once more to reset it.
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.lin_l = nn.Linear(width_in, width_out)
        self.lin_r = nn.Linear(width_in, width_out, bias=False)
        self.lin_l.reset_parameters()
        self.lin_r.reset_parameters()


def _batched(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    own = x.linear(parameters["lin_r.weight"])
    counts = node_degrees(graph).clamp(min=1)
    summed = x.summed(graph, parameters["lin_l.weight"])
    return own + summed / counts + parameters["lin_l.bias"][:, None]


SAGE = EncoderKind(_plain, _batched, weights=_Weights)
