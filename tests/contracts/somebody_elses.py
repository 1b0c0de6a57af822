"""One kind for each table of `model.network`, as another package has them; see `outside.py`."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from model.data.similarities import Similarities
from model.network.batched_layers import Drop, linear, rows
from model.network.edge_decoders.interface import EdgeDecoderKind
from model.network.encoders.interface import EncoderKind
from model.network.graph import Associations, Nodes, Parameters, VisibleGraph, neighbour_sum
from model.network.heads.interface import HeadKind, HeadOptions
from model.network.masks.hiding import hide, mask_below
from model.network.masks.interface import Mask, MaskedGraph, MaskKind


class SumOfNeighbours(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.map = nn.Linear(width_in, width_out)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.map(x.index_add(0, edge_index[1], x[edge_index[0]]))


def batched_sum(parameters: Parameters, x: Nodes, graph: VisibleGraph) -> Tensor:
    summed = x.aggregated(lambda h: h + neighbour_sum(graph, h), parameters["map.weight"])
    return summed + parameters["map.bias"][:, None]


class Distance(nn.Module):
    def __init__(self, dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, z: Tensor, pairs: Tensor) -> Tensor:
        z = self.dropout(z)
        return -self.scale * (z[pairs[0]] - z[pairs[1]]).pow(2).sum(dim=-1)


def distance_of_pairs(
    parameters: Parameters, z: Tensor, first: Tensor, second: Tensor, drop: Drop
) -> Tensor:
    z = drop(z)
    return -parameters["scale"][:, None] * (rows(z, first) - rows(z, second)).pow(2).sum(dim=2)


def distance_of_block(parameters: Parameters, z: Tensor, n_rows: int, drop: Drop) -> Tensor:
    z = drop(z)
    between = z[:, :n_rows, None] - z[:, None, n_rows:]
    return -parameters["scale"][:, None] * between.pow(2).sum(dim=3).flatten(1)


def degrees_of_pairs(
    similarities: Similarities, options: HeadOptions
) -> Callable[[Tensor], Tensor]:
    def numbers(b_MS: Tensor) -> Tensor:
        degrees = b_MS.sum(dim=1, keepdim=True), b_MS.sum(dim=0, keepdim=True)
        return torch.stack([degree.expand_as(b_MS) for degree in degrees], dim=-1)

    return numbers


def batched_degrees_of_pairs(
    similarities: Similarities, options: HeadOptions
) -> Callable[[VisibleGraph], Tensor]:
    def numbers(graph: VisibleGraph) -> Tensor:
        of_rows, of_columns = graph.degrees()
        degrees = (of_rows, of_columns.mT)
        return torch.stack([degree.expand_as(graph.block) for degree in degrees], dim=-1)

    return numbers


class Weights(nn.Module):
    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.weights = nn.Linear(2, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.weights(numbers).squeeze(-1)


def batched_weights(parameters: Parameters, numbers: Tensor) -> Tensor:
    return linear(parameters, "weights", numbers).squeeze(2)


def whole_rows(pairs: Tensor, n_nodes: int, rate: float, walk_length: int) -> MaskedGraph:
    hidden = torch.rand(n_nodes, device=pairs.device) < rate
    return hide(pairs, hidden[pairs[0]], n_nodes)


def batched_whole_rows(
    associations: Associations, rate: float, walk_length: int
) -> Callable[[Generator], Mask]:
    shape = (len(associations.valid), associations.n_rows)

    def draw(generator: Generator) -> Mask:
        drawn = torch.rand(shape, generator=generator, device=associations.valid.device)
        of_each = drawn.gather(1, associations.row)
        return mask_below(associations, [of_each], rate, places=of_each.shape[1])

    return draw


ENCODER = EncoderKind(SumOfNeighbours, batched_sum)
EDGE_DECODER = EdgeDecoderKind(Distance, distance_of_pairs, distance_of_block)
HEAD = HeadKind(degrees_of_pairs, batched_degrees_of_pairs, Weights, batched_weights)
MASK = MaskKind(whole_rows, batched_whole_rows)
